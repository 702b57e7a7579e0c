// SPDX-License-Identifier: Apache-2.0
// /proc/pressure/{cpu,io,memory,irq}: how long tasks have waited for a resource (pressure stall
// information). "some": at least one task waited; "full": all of them did.
//
//   some avg10=0.00 avg60=0.12 avg300=0.05 total=5319724
//   full avg10=0.00 avg60=0.10 avg300=0.04 total=4740106
//
// total is in microseconds. irq has only "full" (Linux 6.1); the machine-wide "full" of cpu is
// meaningless and not exported. Documentation/accounting/psi.rst
#include <array>
#include <optional>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct Psi {
  std::optional<uint64_t> some_us, full_us;
};

struct Resource {
  std::string_view name;
  std::optional<MetricDesc> some, full;
};

constexpr Resource kResources[] = {
    {"cpu",
     MetricDesc{"node_pressure_cpu_waiting_seconds_total", "Time in which some task waited for a CPU, in seconds.",
                MetricType::kCounter},
     std::nullopt},
    {"io",
     MetricDesc{"node_pressure_io_waiting_seconds_total", "Time in which some task waited for I/O, in seconds.",
                MetricType::kCounter},
     MetricDesc{"node_pressure_io_stalled_seconds_total", "Time in which every task waited for I/O, in seconds.",
                MetricType::kCounter}},
    {"memory",
     MetricDesc{"node_pressure_memory_waiting_seconds_total", "Time in which some task waited for memory, in seconds.",
                MetricType::kCounter},
     MetricDesc{"node_pressure_memory_stalled_seconds_total", "Time in which every task waited for memory, in seconds.",
                MetricType::kCounter}},
    {"irq", std::nullopt,
     MetricDesc{"node_pressure_irq_stalled_seconds_total", "Time that interrupts took from every task, in seconds.",
                MetricType::kCounter}},
};

std::optional<uint64_t> find_total(std::string_view line) {
  constexpr std::string_view kKey = "total=";
  while (!line.empty()) {
    const std::string_view field = take_field(line);
    if (field.starts_with(kKey)) return parse_u64(field.substr(kKey.size()));
  }
  return std::nullopt;
}

Result<Psi> parse_psi(std::string_view text) {
  Psi psi;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view kind = take_field(line);
    if (kind != "some" && kind != "full") continue;
    const auto total = find_total(line);
    if (!total) return fail(std::string(kind) + ": no total");
    (kind == "some" ? psi.some_us : psi.full_us) = total;
  }
  if (!psi.some_us && !psi.full_us) return fail("neither some nor full");
  return psi;
}

void write_total(MetricWriter& writer, const std::optional<MetricDesc>& desc, std::optional<uint64_t> total_us) {
  if (desc && total_us) writer.single(*desc, static_cast<double>(*total_us) / 1e6);
}

// A kernel without PSI has no such file; one started with psi=0 refuses to open it.
bool is_absent(const Error& error) { return error.code == ENOENT || error.code == EOPNOTSUPP; }

class PressureCollector : public Collector {
 public:
  explicit PressureCollector(const Setup& setup)
      : files_{KeptFile(path_of(setup.roots, 0), 1024), KeptFile(path_of(setup.roots, 1), 1024),
               KeptFile(path_of(setup.roots, 2), 1024), KeptFile(path_of(setup.roots, 3), 1024)} {}
  std::string_view name() const override { return "pressure"; }

  Result<void> collect(MetricWriter& writer) override {
    size_t present = 0;
    for (size_t i = 0; i < files_.size(); ++i) {
      const auto psi = read_and_parse(files_[i], parse_psi);
      if (!psi && is_absent(psi.error())) continue;
      if (!psi) return unexpected(psi.error());
      ++present;
      write_total(writer, kResources[i].some, psi->some_us);
      write_total(writer, kResources[i].full, psi->full_us);
    }
    if (present == 0) return not_present("pressure stall information");
    return {};
  }

 private:
  static std::string path_of(const HostRoots& roots, size_t i) {
    return roots.proc + "/pressure/" + std::string(kResources[i].name);
  }

  std::array<KeptFile, std::size(kResources)> files_;
};

}  // namespace

const Entry kPressureCollector = {"pressure", "Time lost waiting for CPU, I/O and memory: proc pressure", Default::kOn,
                                  make<PressureCollector>};

}  // namespace plimsoll::collectors::host
