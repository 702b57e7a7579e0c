// SPDX-License-Identifier: Apache-2.0
// adjtimex(2) without a change: how the kernel disciplines its clock, as a time daemon (chrony, ntpd,
// systemd-timesyncd) has told it to. Most of the PPS values stay 0 without a pulse-per-second device.
//
// Units: offset and jitter are ns with STA_NANO in the status, else us; tick, maxerror and esterror are us;
// frequencies are ppm with a fraction of 16 bits.
#include <sys/timex.h>

#include <cerrno>

#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr auto kCounter = MetricType::kCounter;

constexpr double kFractionsOfPpm = 1e6 * 65536;

// What a field's number has to be divided by, or how else it becomes a value.
enum class Unit : uint8_t { kPlain, kMicroseconds, kClock, kFrequency, kRatio };

struct Field {
  decltype(timex::offset) timex::*field;
  Unit unit;
  MetricDesc desc;
};

constexpr Field kFields[] = {
    {&timex::offset,
     Unit::kClock,
     {"node_timex_offset_seconds", "How far the clock is still to be moved, in seconds.", kGauge}},
    {&timex::freq,
     Unit::kRatio,
     {"node_timex_frequency_adjustment_ratio", "Factor by which the clock is run faster or slower, 1 for neither.",
      kGauge}},
    {&timex::maxerror,
     Unit::kMicroseconds,
     {"node_timex_maxerror_seconds", "Largest error the clock may have, in seconds.", kGauge}},
    {&timex::esterror,
     Unit::kMicroseconds,
     {"node_timex_estimated_error_seconds", "Error the clock is estimated to have, in seconds.", kGauge}},
    {&timex::constant,
     Unit::kPlain,
     {"node_timex_loop_time_constant", "Time constant of the phase-locked loop, a power of 2.", kGauge}},
    {&timex::tick,
     Unit::kMicroseconds,
     {"node_timex_tick_seconds", "Time between two ticks of the clock, in seconds.", kGauge}},
    {&timex::ppsfreq,
     Unit::kFrequency,
     {"node_timex_pps_frequency_hertz", "Frequency offset found by pulse-per-second, as a ratio (hertz per hertz).",
      kGauge}},
    {&timex::jitter,
     Unit::kClock,
     {"node_timex_pps_jitter_seconds", "Jitter of the pulse-per-second signal, in seconds.", kGauge}},
    {&timex::stabil,
     Unit::kFrequency,
     {"node_timex_pps_stability_hertz", "Wander of the pulse-per-second frequency, as a ratio (hertz per hertz).",
      kGauge}},
    {&timex::jitcnt,
     Unit::kPlain,
     {"node_timex_pps_jitter_total", "Pulses whose jitter was over the limit.", kCounter}},
    {&timex::calcnt,
     Unit::kPlain,
     {"node_timex_pps_calibration_total", "Calibration intervals of pulse-per-second.", kCounter}},
    {&timex::errcnt,
     Unit::kPlain,
     {"node_timex_pps_error_total", "Calibration intervals of pulse-per-second that failed.", kCounter}},
    {&timex::stbcnt,
     Unit::kPlain,
     {"node_timex_pps_stability_exceeded_total", "Calibration intervals whose wander was over the limit.", kCounter}},
};

constexpr MetricDesc kSynchronised = {"node_timex_sync_status",
                                      "1 when the clock follows a reliable source, 0 when it does not.", kGauge};
constexpr MetricDesc kStatus = {"node_timex_status", "The status bits STA_* of adjtimex(2), as one number.", kGauge};
constexpr MetricDesc kShift = {"node_timex_pps_shift_seconds",
                               "Calibration interval of pulse-per-second, in seconds as a power of 2.", kGauge};
constexpr MetricDesc kTai = {"node_timex_tai_offset_seconds", "How far atomic time (TAI) is ahead of UTC, in seconds.",
                             kGauge};

double scaled(double number, Unit unit, bool nanoseconds) {
  switch (unit) {
    case Unit::kPlain:
      return number;
    case Unit::kMicroseconds:
      return number / 1e6;
    case Unit::kClock:
      return number / (nanoseconds ? 1e9 : 1e6);
    case Unit::kFrequency:
      return number / kFractionsOfPpm;
    case Unit::kRatio:
      return 1 + number / kFractionsOfPpm;
  }
  return number;
}

class TimexCollector : public Collector {
 public:
  explicit TimexCollector(const Setup&) {}
  std::string_view name() const override { return "timex"; }

  Result<void> collect(MetricWriter& writer) override {
    timex clock = {};  // modes 0: nothing is set
    const int state = ::adjtimex(&clock);
    if (state < 0 && errno == EPERM) return not_present("adjtimex: not permitted");
    if (state < 0) return fail_errno("adjtimex");
    const bool nanoseconds = (clock.status & STA_NANO) != 0;
    writer.single(kSynchronised, state != TIME_ERROR);
    writer.single(kStatus, clock.status);
    for (const Field& field : kFields)
      writer.single(field.desc, scaled(static_cast<double>(clock.*field.field), field.unit, nanoseconds));
    writer.single(kShift, clock.shift);
    writer.single(kTai, clock.tai);
    return {};
  }
};

}  // namespace

const Entry kTimexCollector = {"timex", "How well the clock is kept: adjtimex(2)", Default::kOn, make<TimexCollector>};

}  // namespace plimsoll::collectors::host
