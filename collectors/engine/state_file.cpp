// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/os.h"
#include "base/text.h"
#include "collectors/engine/source.h"

namespace plimsoll::engine {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxValues = 200'000;
constexpr size_t kIdLength = 64;
constexpr int64_t kSecond = 1'000'000'000;

// Mixes the numbers that change when a file is written in place or replaced. Time of change (ctime) is
// not among them: a link or a change of mode would make us parse for nothing.
uint64_t revision_of(const struct stat& info) {
  uint64_t mixed = 1469598103934665603u;
  for (uint64_t part : {static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size),
                        static_cast<uint64_t>(info.st_mtim.tv_sec), static_cast<uint64_t>(info.st_mtim.tv_nsec)})
    mixed = (mixed ^ part) * 0x9E3779B97F4A7C15u + (mixed >> 29);
  return mixed == 0 ? 1 : mixed;
}

int64_t modified_ns(const struct stat& info) { return info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec; }

// Reads on to the end, over what stat said: the file may be growing.
Result<std::string> read_bounded(int fd, size_t expected) {
  std::string text(std::min(expected + 1, kMaxStateFileBytes + 1), '\0');
  size_t filled = 0;
  for (;;) {
    const ssize_t n = ::read(fd, text.data() + filled, text.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("read");
    if (n == 0) break;
    filled += static_cast<size_t>(n);
    if (filled > kMaxStateFileBytes) return unexpected({EFBIG, "read"});
    if (filled == text.size()) text.resize(std::min(text.size() * 2, kMaxStateFileBytes + 1));
  }
  text.resize(filled);
  return text;
}

// Two or four digits at the front of `rest`; -1 when there are none.
int take_digits(std::string_view& rest, size_t count) {
  if (rest.size() < count) return -1;
  const auto number = parse_u64(rest.substr(0, count));
  if (!number) return -1;
  rest.remove_prefix(count);
  return static_cast<int>(*number);
}

bool take_one(std::string_view& rest, std::string_view choices) {
  if (rest.empty() || choices.find(rest[0]) == std::string_view::npos) return false;
  rest.remove_prefix(1);
  return true;
}

// ".123456789" in nanoseconds; digits beyond the ninth are left out. -1 for a point without digits.
int64_t take_fraction(std::string_view& rest) {
  if (!take_one(rest, ".")) return 0;
  int64_t fraction = 0, unit = kSecond / 10;
  size_t digits = 0;
  for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits, unit /= 10)
    fraction += unit * (rest[digits] - '0');
  rest.remove_prefix(digits);
  return digits == 0 ? -1 : fraction;
}

// Seconds east of Greenwich: "Z" or "+02:00". nullopt for anything else, and unless it ends the text.
std::optional<int> take_zone(std::string_view rest) {
  if (rest == "Z" || rest == "z") return 0;
  const bool west = rest.starts_with('-');
  if (!take_one(rest, "+-")) return std::nullopt;
  const int hours = take_digits(rest, 2);
  if (hours < 0 || hours > 23 || !take_one(rest, ":")) return std::nullopt;
  const int minutes = take_digits(rest, 2);
  if (minutes < 0 || minutes > 59 || !rest.empty()) return std::nullopt;
  return (west ? -60 : 60) * (hours * 60 + minutes);
}

// Days from 1970-01-01 to a day of the Gregorian calendar, by counting years from March.
int64_t days_from_civil(int year, int month, int day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

struct Civil {
  int year, month, day, hour, minute, second;
};

std::optional<Civil> take_civil(std::string_view& rest) {
  Civil at{};
  at.year = take_digits(rest, 4);
  if (!take_one(rest, "-")) return std::nullopt;
  at.month = take_digits(rest, 2);
  if (!take_one(rest, "-")) return std::nullopt;
  at.day = take_digits(rest, 2);
  if (!take_one(rest, "Tt ")) return std::nullopt;
  at.hour = take_digits(rest, 2);
  if (!take_one(rest, ":")) return std::nullopt;
  at.minute = take_digits(rest, 2);
  if (!take_one(rest, ":")) return std::nullopt;
  at.second = take_digits(rest, 2);
  const bool valid = at.year >= 1970 && at.year <= 2261 && at.month >= 1 && at.month <= 12 && at.day >= 1 &&
                     at.day <= 31 && at.hour >= 0 && at.hour <= 23 && at.minute >= 0 && at.minute <= 59 &&
                     at.second >= 0 && at.second <= 60;
  return valid ? std::optional(at) : std::nullopt;
}

}  // namespace

Result<StateFile> read_state_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail_errno(path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno(path);
  if (!S_ISREG(info.st_mode)) return unexpected({EINVAL, path});
  if (static_cast<uint64_t>(info.st_size) > kMaxStateFileBytes) return unexpected({EFBIG, path});
  auto text = read_bounded(fd.get(), static_cast<size_t>(info.st_size));
  if (!text) return unexpected(text.error().within(path));
  return StateFile{std::move(*text), revision_of(info), modified_ns(info)};
}

FileStamp file_stamp(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return {revision_of(info), modified_ns(info)};
}

// What is beyond the bounds is not kept, so that memory stays bounded too.
std::optional<Json> parse_json(std::string_view text) {
  size_t values = 0;
  bool over = false;
  const auto keep = [&](int depth, Json::parse_event_t event, Json&) {
    const bool counts = event == Json::parse_event_t::value || event == Json::parse_event_t::object_start ||
                        event == Json::parse_event_t::array_start;
    if (counts && (++values > kMaxValues || depth > kMaxDepth)) over = true;
    return !over;
  };
  Json json = Json::parse(text.begin(), text.end(), keep, false);
  if (over || json.is_discarded()) return std::nullopt;
  return json;
}

std::optional<Json> read_json(const std::string& path) {
  auto file = read_state_file(path);
  return file ? parse_json(file->text) : std::nullopt;
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string string_of(const Json& object, const char* name, size_t limit) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_string()) return {};
  return std::string(cut(found->get_ref<const std::string&>(), limit));
}

std::optional<bool> bool_of(const Json& object, const char* name) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

std::optional<int64_t> integer_of(const Json& object, const char* name) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX) return std::nullopt;
  return found->get<int64_t>();
}

// Kubernetes' first: whose pod it is must not be lost behind a hundred other labels.
void take_labels(Identity& identity, const Json* object) {
  if (object == nullptr || !object->is_object()) return;
  for (bool kubernetes : {true, false}) {
    for (const auto& [name, value] : object->items()) {
      if (value.is_string() && name.starts_with("io.kubernetes.") == kubernetes)
        add_label(identity, name, value.get_ref<const std::string&>());
    }
  }
}

void take_env(Identity& identity, const Json* array, const std::vector<std::string>& wanted) {
  if (array == nullptr || !array->is_array() || wanted.empty()) return;
  for (const Json& assignment : *array) {
    if (assignment.is_string()) add_env(identity, assignment.get_ref<const std::string&>(), wanted);
  }
}

std::string_view cut(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && limit - end < 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

int64_t time_ns(std::string_view rfc3339) {
  const auto at = take_civil(rfc3339);
  if (!at) return 0;
  const int64_t fraction = take_fraction(rfc3339);
  const auto zone = take_zone(rfc3339);
  if (fraction < 0 || !zone) return 0;
  const int64_t seconds =
      days_from_civil(at->year, at->month, at->day) * 86400 + at->hour * 3600 + at->minute * 60 + at->second - *zone;
  return seconds <= 0 ? 0 : seconds * kSecond + fraction;
}

bool is_full_id(std::string_view text) {
  return text.size() == kIdLength && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace plimsoll::engine
