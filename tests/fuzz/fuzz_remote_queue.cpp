// SPDX-License-Identifier: Apache-2.0
// exporter/remote_write: files of the queue that somebody else may have written, and labels on their way into a
// request. The first byte chooses.
#include <snappy.h>

#include "base/metric.h"
#include "exporter/remote_write/queue.h"
#include "exporter/remote_write/write_request.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

void queue_files(std::string_view text) {
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{1}, uint64_t{42}}) {
    const auto batch = exporter::parse_queue_file(std::string(text), sequence);
    if (!batch) continue;
    require(batch->sequence == sequence, "a file is what its name says");
    require(exporter::to_queue_file(*batch) == text, "what is read is what was written");
  }
}

void round_trip(std::string_view text) {
  if (text.empty()) return;
  std::string file = exporter::to_queue_file({std::string(text), 7, -1, text.size()});
  const auto batch = exporter::parse_queue_file(file, 7);
  require(batch && batch->body == text && batch->timestamp_ms == -1, "what is written is read");
  file.pop_back();
  require(!exporter::parse_queue_file(file, 7), "a file that is cut off is noticed");
}

// As an escaped value, and as rendered labels that no collector would write.
void requests(std::string_view text) {
  MetricWriter writer;
  writer.family("a_total", "A.", MetricType::kCounter);
  writer.sample(writer.labels(LabelSet({{"id", text}, {"job", text}})), writer.labels(text), 1);
  writer.sample(writer.labels(text), 2);
  const MetricPage page = writer.finish();
  exporter::WriteRequests::Options options;
  options.target_labels = {{"job", "j"}};
  options.external_labels = {{"id", "e"}, {"zone", "z"}};
  size_t samples = 0;
  exporter::WriteRequests encoder(options, [&](exporter::WriteBatch batch) {
    samples += batch.samples;
    require(snappy::IsValidCompressedBuffer(batch.body.data(), batch.body.size()), "a body is snappy's");
  });
  const auto ids = encoder.add(page, 5);
  encoder.finish();
  require(samples == ids.size(), "each series is sent once");
  encoder.add_ended(page, ids, 6);
  encoder.finish();
  require(samples == 2 * ids.size(), "each of them can end");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = plimsoll::fuzz::as_text(data, size);
  if (text.empty()) return 0;
  const bool file = text[0] == 'f';
  text.remove_prefix(1);
  if (file) {
    plimsoll::fuzz::queue_files(text);
    plimsoll::fuzz::round_trip(text);
  } else {
    plimsoll::fuzz::requests(text);
  }
  return 0;
}
