// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/text.h"

#include "exporter/encoding/lines.h"

namespace plimsoll::exporter {
bool TextEncoder::next(std::string& chunk, size_t target) {
  if (family_ == page_.families().size()) {
    chunk.clear();
    return false;
  }
  Output out(chunk, target);
  while (family_ < page_.families().size() && out.used() < target) {
    const MetricPage::Family& family = page_.families()[family_];
    if (sample_ == 0 && family.starts) {
      append_help(out, family.desc.name, family.desc.help, HelpQuotes::kPlain);
      append_comment(out, "TYPE", family.desc.name, type_name(family.desc.type, "untyped"));
    }
    if (!append_samples(out, page_, family_, sample_, target)) break;
    ++family_;
    sample_ = 0;
  }
  return true;
}

std::string to_text(const MetricPage& page) { return encode(Format::kText, page); }

}  // namespace plimsoll::exporter
