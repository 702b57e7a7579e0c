// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/os.h"

namespace plimsoll::oci {
namespace {

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (real == nullptr) return fail_errno(path);
  return std::string(real.get());
}

Result<std::string> read_to_end(int fd, const std::string& path, size_t expected) {
  std::string text(expected + 1, '\0');
  size_t filled = 0;
  while (true) {
    const ssize_t length = ::read(fd, text.data() + filled, text.size() - filled);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail_errno(path);
    if (length == 0) break;
    filled += static_cast<size_t>(length);
    if (filled > spec::kLargestConfig) return unexpected(Error{EFBIG, path});
    if (filled == text.size()) text.resize(text.size() * 2);
  }
  text.resize(filled);
  return text;
}

// "<(...)" of a shell. One that nobody writes to is empty: then it does not hold us up.
Result<std::string> read_pipe(int fd, const std::string& path) {
  if (::fcntl(fd, F_SETFL, O_RDONLY) != 0) return fail_errno(path);
  return read_to_end(fd, path, 16 * 1024);
}

std::string below(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

Result<std::string> find_rootfs(const std::string& bundle, const spec::Spec& spec) {
  if (spec.root.path.empty()) return fail("config.json: root.path is missing");
  const std::string path = below(bundle, spec.root.path);
  auto rootfs = real_path(path);
  if (!rootfs && rootfs.error().code == ENOENT) return fail("rootfs " + path + " does not exist");
  if (!rootfs) return unexpected(rootfs.error().within("rootfs"));
  struct stat information;
  if (::stat(rootfs->c_str(), &information) != 0) return fail_errno("rootfs " + *rootfs);
  if (!S_ISDIR(information.st_mode)) return fail("rootfs " + *rootfs + " is no directory");
  return rootfs;
}

}  // namespace

Result<std::string> read_config_file(const std::string& path) {
  if (path == "-") return read_to_end(STDIN_FILENO, "standard input", 16 * 1024);
  // Without O_NONBLOCK a FIFO would hold us up.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail_errno(path);
  struct stat information;
  if (::fstat(fd.get(), &information) != 0) return fail_errno(path);
  if (S_ISFIFO(information.st_mode)) return read_pipe(fd.get(), path);
  if (!S_ISREG(information.st_mode)) return fail(path + ": is no regular file");
  const auto size = static_cast<size_t>(information.st_size);
  if (size > spec::kLargestConfig) return unexpected(Error{EFBIG, path});
  return read_to_end(fd.get(), path, size);
}

Result<Bundle> open_bundle(const std::string& path, const std::string& config) {
  auto real = real_path(path);
  if (!real) return unexpected(real.error().within("bundle"));
  Bundle bundle;
  bundle.path = *std::move(real);
  const std::string file = below(bundle.path, config);
  auto text = read_config_file(file);
  if (!text) return unexpected(text.error());
  auto spec = spec::read_spec(*text, bundle.warnings);
  if (!spec) return unexpected(spec.error().within(file));
  bundle.spec = *std::move(spec);
  auto rootfs = find_rootfs(bundle.path, bundle.spec);
  if (!rootfs) return unexpected(rootfs.error());
  bundle.rootfs = *std::move(rootfs);
  return bundle;
}

}  // namespace plimsoll::oci
