// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/own_figures.h"

namespace plimsoll::collectors::container {
namespace {

constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricDesc kUnresolved = {"plimsoll_containers_unresolved",
                                    "Groups with a container's name that no engine's files know.", kGauge};
constexpr MetricDesc kDroppedLabels = {
    "plimsoll_dropped_labels", "Labels of live containers left out: too long, too many, or the same name twice.",
    kGauge};
constexpr MetricDesc kFinalsMissed = {
    "plimsoll_container_finals_missed_total",
    "Containers of other engines whose final counters could not be read before the engine removed the group.",
    kCounter};
constexpr MetricDesc kBirthsMissed = {
    "plimsoll_container_births_missed_total",
    "Containers of other engines that were gone before their group could be opened at all.", kCounter};
constexpr MetricDesc kWatched = {"plimsoll_containers_watched", "Containers of other engines whose end is awaited.",
                                 kGauge};
constexpr MetricDesc kEvents = {"plimsoll_cgroup_events_info",
                                "1, with how births and deaths of groups are seen: fanotify, inotify or scan.", kGauge};

constexpr MetricDesc kDescriptors = {"plimsoll_kept_descriptors",
                                     "Files of groups kept open between scrapes, a number.", kGauge};
constexpr MetricDesc kDescriptorsMax = {"plimsoll_kept_descriptors_max",
                                        "How many may be kept; the others are opened at each scrape, which is slower.",
                                        kGauge};
constexpr MetricDesc kDuration = {"plimsoll_container_collect_duration_seconds",
                                  "How long each part of this scrape of groups took, in seconds.", kGauge};

constexpr std::string_view kParts[] = {"find", "read", "details", "ended", "write"};
static_assert(std::size(kParts) == static_cast<size_t>(Part::kCount));
constexpr std::string_view kSources[] = {"fanotify", "inotify", "scan"};

}  // namespace

void write_own_figures(MetricWriter& writer, const OwnFigures& figures) {
  writer.single(kUnresolved, figures.unresolved);
  writer.single(kDroppedLabels, figures.dropped_labels);
  writer.single(kFinalsMissed, figures.finals_missed);
  writer.single(kBirthsMissed, figures.births_missed);
  writer.single(kWatched, figures.watched);
  writer.family(kEvents);
  writer.sample(writer.labels(LabelSet{{"source", kSources[static_cast<size_t>(figures.source)]}}), 1);
  writer.single(kDescriptors, figures.descriptors);
  writer.single(kDescriptorsMax, figures.descriptors_max);
  writer.family(kDuration);
  for (size_t i = 0; i < std::size(kParts); ++i)
    writer.sample(writer.labels(LabelSet{{"part", kParts[i]}}), figures.times.seconds(static_cast<Part>(i)));
}

}  // namespace plimsoll::collectors::container
