// SPDX-License-Identifier: Apache-2.0
// runtime/limits/bus_message.h, bus.h, systemd_properties.h: messages and errors of a peer, addresses, annotations.
#include <sys/un.h>

#include "runtime/limits/bus.h"
#include "runtime/limits/systemd_properties.h"
#include "tests/fuzz/require.h"

namespace {

using plimsoll::fuzz::require;
namespace limits = plimsoll::limits;

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_text(std::string_view text, std::string_view whole) {
  require(is_inside(text, whole), "a text lies inside the message");
  require(text.find('\0') == std::string_view::npos, "a text has no NUL");
}

void check_message(std::string_view bytes) {
  const auto size = limits::bus_message_size(bytes);
  const auto message = limits::parse_bus_message(bytes);
  if (!message) return require(!message.error().message().empty(), "an error says something");
  require(size && *size == bytes.size(), "a message is as long as it says");
  for (const std::string_view text :
       {message->path, message->interface, message->member, message->error_name, message->sender, message->signature})
    check_text(text, bytes);
  require(is_inside(message->body, bytes), "the body lies inside the message");
  limits::BusReader reader = message->reader();
  reader.u32();
  for (int i = 0; i < 3; ++i) check_text(reader.text(), bytes);
  require(reader.position() <= message->body.size(), "nothing is read behind the body");
  for (const char c : limits::error_of(*message).context) require(c >= ' ' && c <= '~', "an error is one line of text");
}

void check_address(std::string_view text) {
  const auto address = limits::parse_bus_address(text);
  if (!address) return;
  require(!address->path.empty() && address->path.size() < sizeof(sockaddr_un::sun_path), "a path fits a socket");
  check_text(address->path, address->path);
}

void check_annotation(std::string_view text) {
  for (const char* name : {"org.systemd.property.Name", "org.systemd.property.NameSec"}) {
    limits::UnitProperties properties;
    if (!limits::add_annotations(properties, {{name, std::string(text)}})) continue;
    limits::BusReader reader(properties.elements());
    require(reader.text().starts_with("Name"), "the property has its name");
    const std::string_view type = reader.signature();
    if (type != "as") {
      reader.skip(type.empty() ? '\0' : type[0]);
    } else {
      const size_t end = reader.u32() + reader.position();
      while (reader.ok() && reader.position() < end) check_text(reader.text(), properties.elements());
    }
    require(reader.ok() && reader.at_end(), "the property can be read");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  check_message(text);
  check_address(text);
  check_annotation(text);
  if (const auto bits = limits::bits_of_list(text)) require(bits->size() <= 1024, "a set has at most 8192 bits");
  return 0;
}
