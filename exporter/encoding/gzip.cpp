// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/gzip.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <vector>

namespace plimsoll::exporter {
namespace {

size_t level_room(int level) {
  constexpr size_t kRooms[] = {ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT,
                               ISAL_DEF_LVL3_DEFAULT};
  return kRooms[level];
}

uint8_t* bytes_of(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

}  // namespace

struct GzipEncoder::Stream {
  explicit Stream(int level) : room(level_room(level)) {
    isal_deflate_init(&state);
    state.gzip_flag = IGZIP_GZIP;
    state.flush = NO_FLUSH;
    state.level = static_cast<uint32_t>(level);
    state.level_buf = room.data();
    state.level_buf_size = static_cast<uint32_t>(room.size());
  }
  bool over() const { return state.internal_state.state == ZSTATE_END; }

  isal_zstream state = {};  // isal_deflate_init leaves the input as it is
  std::vector<uint8_t> room;
  std::string input;
};

GzipEncoder::GzipEncoder(std::unique_ptr<Encoder> plain, int level)
    : plain_(std::move(plain)), level_(std::clamp(level, ISAL_DEF_MIN_LEVEL, ISAL_DEF_MAX_LEVEL)) {}

GzipEncoder::~GzipEncoder() = default;

bool GzipEncoder::next(std::string& chunk, size_t target) {
  if (!stream_) stream_ = std::make_unique<Stream>(level_);
  isal_zstream& state = stream_->state;
  chunk.resize(ended_ ? 0 : std::max<size_t>(target, 64));
  state.next_out = bytes_of(chunk);
  state.avail_out = static_cast<uint32_t>(chunk.size());
  while (!ended_ && state.avail_out > 0) {
    if (state.avail_in == 0 && state.end_of_stream == 0) {
      state.end_of_stream = plain_->next(stream_->input) ? 0 : 1;
      state.next_in = bytes_of(stream_->input);
      state.avail_in = static_cast<uint32_t>(stream_->input.size());
    }
    // It fails for wrong settings only. The body then ends without its trailer, which no reader takes for whole.
    ended_ = isal_deflate(&state) != COMP_OK || stream_->over();
  }
  chunk.resize(chunk.size() - state.avail_out);
  return !chunk.empty();
}

}  // namespace plimsoll::exporter
