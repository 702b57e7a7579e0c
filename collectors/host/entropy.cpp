// SPDX-License-Identifier: Apache-2.0
// /proc/sys/kernel/random: how much randomness the kernel's generator holds (entropy_avail) and can hold
// (poolsize), one number each. Since Linux 5.18 both are 256 once it is ready. random(4)
#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kAvailable = {"node_entropy_available_bits", "Randomness the kernel's generator holds, in bits.",
                                   MetricType::kGauge};
constexpr MetricDesc kPoolSize = {"node_entropy_pool_size_bits", "Randomness the kernel's generator can hold, in bits.",
                                  MetricType::kGauge};

Result<uint64_t> parse_bits(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  const auto number = parse_u64(trim(text));
  if (!number) return fail("not a number");
  return *number;
}

class EntropyCollector : public Collector {
 public:
  explicit EntropyCollector(const Setup& setup)
      : available_(setup.roots.proc + "/sys/kernel/random/entropy_avail", 512),
        pool_size_(setup.roots.proc + "/sys/kernel/random/poolsize", 512) {}
  std::string_view name() const override { return "entropy"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto available = read_and_parse(available_, parse_bits);
    if (!available && available.error().code == ENOENT) return not_present(available_.path());
    if (available) writer.single(kAvailable, *available);
    const auto pool_size = read_and_parse(pool_size_, parse_bits);
    if (pool_size) writer.single(kPoolSize, *pool_size);
    if (!available) return unexpected(available.error());
    if (!pool_size && pool_size.error().code != ENOENT) return unexpected(pool_size.error());
    return {};
  }

 private:
  KeptFile available_;
  KeptFile pool_size_;
};

}  // namespace

const Entry kEntropyCollector = {"entropy", "Randomness available: proc sys/kernel/random", Default::kOn,
                                 make<EntropyCollector>};

}  // namespace plimsoll::collectors::host
