// SPDX-License-Identifier: Apache-2.0
// collectors/engine/bolt.h and sqlite_file.h: databases of other programs, some of them of users who mean harm.
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/engine/bolt.h"
#include "collectors/engine/sqlite_file.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

UniqueFd as_file(std::string_view bytes) {
  UniqueFd fd(::memfd_create("database", MFD_CLOEXEC));
  require(write_all(fd.get(), bytes).has_value(), "a file in memory can be written");
  return fd;
}

// Checksums would keep the fuzzer out: a valid first meta page is put before half of the inputs.
std::string with_meta(std::string_view bytes) {
  std::string file(1024, '\0');
  const auto put = [&](size_t at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) file[at + i] = static_cast<char>(value >> (8 * i));
  };
  put(8, 4, 2);
  put(16, 0xED0CDAED, 4);
  put(20, 2, 4);
  put(24, 512, 4);
  put(32, 2, 8);
  put(56, 64, 8);
  put(64, 8, 8);
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 16; i < 72; ++i) hash = (hash ^ static_cast<uint8_t>(file[i])) * 0x100000001b3;
  put(72, hash, 8);
  return file.append(bytes);
}

void check_bolt(std::string_view bytes) {
  const engine::BoltFile file(as_file(bytes), {.bytes = 65536, .entries = 1000});
  const auto root = file.list({});
  if (!root) return;
  size_t size = 0;
  for (const auto& entry : *root) {
    size += entry.key.size() + entry.value.size();
    require(!entry.is_bucket || entry.value.empty(), "a bucket has no value");
    if (entry.is_bucket) (void)file.list({entry.key, "containers"}).has_value();
  }
  require(size <= 65536 && root->size() <= 1000, "the limits hold");
}

void check_sqlite(std::string_view bytes) {
  const engine::SqliteFile file(as_file(bytes), "");
  const auto rows = file.list("T", {"ID", "J"});
  if (!rows) return;
  for (const auto& row : *rows) {
    require(row.size() == 2, "a row has the columns that were asked for");
    (void)file.find("T", row[0], {"J"}).has_value();
  }
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::check_bolt(bytes);
  plimsoll::fuzz::check_bolt(plimsoll::fuzz::with_meta(bytes));
  plimsoll::fuzz::check_sqlite(bytes);
  return 0;
}
