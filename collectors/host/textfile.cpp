// SPDX-License-Identifier: Apache-2.0
// Metrics that scripts and cron jobs leave in files: every *.prom in the directories of
// --collector.textfile.directory, in the text exposition format (textfile_parse.h).
//
//   # HELP apt_upgrades_pending Packages with a newer version.
//   # TYPE apt_upgrades_pending gauge
//   apt_upgrades_pending{origin="Debian"} 3
//
// A file that is wrong is left out as a whole, and the others stay. What has not changed since the last scrape is
// not read again. Writers should write another file and rename it: a half-written one is refused.
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <unordered_set>

#include "collectors/host/parts/textfile_parse.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kMtime = {"node_textfile_mtime_seconds",
                               "When the file was last changed, in seconds since 1970; only of files that were read.",
                               MetricType::kGauge};
constexpr MetricDesc kError = {"node_textfile_scrape_error",
                               "1 when a file or directory could not be read, 0 when all were.", MetricType::kGauge};

constexpr Flag kDirectory = {"textfile.directory", FlagKind::kList, "",
                             "Directory whose *.prom files are read; may have the wildcards * ? [...]"};

constexpr size_t kMaxFileBytes = 16 * 1024 * 1024;
constexpr size_t kMaxKeptBytes = 64 * 1024 * 1024;  // of all files together, as parsed
constexpr size_t kMaxFiles = 10'000;
constexpr size_t kErrorsNamed = 3;

// Families that the agent writes itself, after this collector.
constexpr std::string_view kReservedPrefixes[] = {"plimsoll_", "node_scrape_collector_", "node_textfile_"};
constexpr std::string_view kReservedNames[] = {"process_cpu_seconds_total",  "process_max_fds",
                                               "process_open_fds",           "process_resident_memory_bytes",
                                               "process_start_time_seconds", "process_virtual_memory_bytes"};

bool is_reserved(std::string_view name) {
  const auto starts = [&](std::string_view prefix) { return name.starts_with(prefix); };
  return std::any_of(std::begin(kReservedPrefixes), std::end(kReservedPrefixes), starts) ||
         std::find(std::begin(kReservedNames), std::end(kReservedNames), name) != std::end(kReservedNames);
}

// What tells one version of a file from the next.
struct Version {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = -1;
  timespec modified = {};
  timespec changed = {};

  explicit Version(const struct stat& st)
      : device(st.st_dev), inode(st.st_ino), size(st.st_size), modified(st.st_mtim), changed(st.st_ctim) {}
  Version() = default;

  bool operator==(const Version& other) const {
    const auto same = [](const timespec& a, const timespec& b) {
      return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    return device == other.device && inode == other.inode && size == other.size && same(modified, other.modified) &&
           same(changed, other.changed);
  }
  // The kernel's time stamps are as coarse as its tick: what was changed just now may change again unseen.
  bool settled() const {
    constexpr int64_t kTick = 20'000'000;
    const int64_t age = wall_clock_ns() - (int64_t{changed.tv_sec} * 1'000'000'000 + changed.tv_nsec);
    return age > kTick || age < -kTick;
  }
};

struct File {
  std::string path;
  Version version;  // of what `content` or `problem` is about
  bool settled = false;
  Exposition content;
  std::string problem = "not read yet";  // why it is left out; "" for a good one
  bool listed = false;                   // in the round that is under way
};

// A family of the page, put together from the files that have it.
struct Merged {
  struct Part {
    const File* file;
    const Exposition::Family* family;
  };
  std::string_view name;
  std::string help;
  MetricType type;
  std::vector<Part> parts;
};

Result<Exposition> parse_file(int fd, size_t size) {
  ReadBuffer buffer(size + 4096, 2 * kMaxFileBytes + 8192);
  const auto text = buffer.read(fd, ReadBuffer::Until::kEnd);
  if (!text) return unexpected(text.error());
  if (text->size() > kMaxFileBytes) return fail("more than 16 MB");
  return parse_exposition(*text);
}

// A name may be one of a device or a FIFO: opening must neither block nor set anything going.
Result<Exposition> load_file(const std::string& path, Version& version) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return fail_errno("stat");
  version = Version(st);
  if (S_ISDIR(st.st_mode)) return fail("a directory");
  if (!S_ISREG(st.st_mode)) return fail("no regular file");
  if (static_cast<uint64_t>(st.st_size) > kMaxFileBytes) return fail("more than 16 MB");
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno("open");
  version = Version(st);
  if (!S_ISREG(st.st_mode)) return fail("no regular file");
  return parse_file(fd.get(), static_cast<size_t>(st.st_size));
}

// Puts the families of all files together, in byte order of their names.
class Merger {
 public:
  // What is left out, and why.
  std::vector<std::string> problems;

  // A file whose families or series contradict those before it is left out as a whole; a family whose help
  // differs, or whose name is the agent's own, is left out alone.
  void add(const File& file) {
    if (const std::string conflict = find_conflict(file.content); !conflict.empty()) {
      problems.push_back(file.path + ": " + conflict);
      return;
    }
    taken_.insert(&file);
    for (const Exposition::Family& family : file.content.families) add(file, family);
  }

  std::vector<Merged> finish();
  bool has(const File& file) const { return taken_.contains(&file); }

 private:
  struct Entry {
    MetricType type = MetricType::kUntyped;
    std::optional<std::string> help;
    std::vector<Merged::Part> parts;
    std::unordered_set<std::string> series;  // of the first `known` parts
    size_t known = 0;
  };

  std::string find_conflict(const Exposition& content);
  std::string find_conflict(const Exposition& content, const Exposition::Family& family);
  static bool has_series(Entry& entry, const Exposition& content, const Exposition::Family& family);
  void add(const File& file, const Exposition::Family& family);

  std::map<std::string_view, Entry> families_;
  std::unordered_set<std::string> part_names_;  // foo_sum, foo_count ... of a histogram foo
  std::unordered_set<const File*> taken_;
};

std::vector<std::string> part_names(const Exposition::Family& family) {
  if (family.type == MetricType::kHistogram)
    return {family.name + "_bucket", family.name + "_sum", family.name + "_count"};
  return {family.name + "_sum", family.name + "_count"};
}

std::string series_key(const Exposition& content, const Exposition::Sample& sample) {
  std::string key(1, static_cast<char>('0' + static_cast<int>(sample.part)));
  return key.append(content.view(sample.labels)).append("}").append(content.view(sample.bound));
}

std::string Merger::find_conflict(const Exposition& content) {
  for (const Exposition::Family& family : content.families) {
    if (const std::string conflict = find_conflict(content, family); !conflict.empty()) return conflict;
  }
  return {};
}

// Most families are of one file only: what series they have is looked at when a second one comes.
bool Merger::has_series(Entry& entry, const Exposition& content, const Exposition::Family& family) {
  for (; entry.known < entry.parts.size(); ++entry.known) {
    const auto& [file, theirs] = entry.parts[entry.known];
    for (uint32_t i = theirs->first; i < theirs->last; ++i)
      entry.series.insert(series_key(file->content, file->content.samples[i]));
  }
  for (uint32_t i = family.first; i < family.last; ++i) {
    if (entry.series.contains(series_key(content, content.samples[i]))) return true;
  }
  return false;
}

std::string Merger::find_conflict(const Exposition& content, const Exposition::Family& family) {
  if (part_names_.contains(family.name)) return family.name + " is also part of a histogram or summary of another file";
  if (has_parts(family.type)) {
    for (const std::string& name : part_names(family)) {
      if (families_.contains(name)) return name + " is also a family of its own in another file";
    }
  }
  const auto found = families_.find(family.name);
  if (found == families_.end()) return {};
  Entry& entry = found->second;
  if (entry.type != family.type) return family.name + " has another type in " + entry.parts[0].file->path;
  if (has_series(entry, content, family)) return family.name + " has a series that is in another file already";
  return {};
}

void Merger::add(const File& file, const Exposition::Family& family) {
  if (is_reserved(family.name)) {
    problems.push_back(file.path + ": " + family.name + " is the agent's own");
    return;
  }
  Entry& entry = families_[family.name];
  if (entry.help && family.help && *entry.help != *family.help) {
    problems.push_back(file.path + ": " + family.name + " has another help in " + entry.parts[0].file->path);
    return;
  }
  if (family.help && !entry.help) entry.help = family.help;
  entry.type = family.type;
  entry.parts.push_back({&file, &family});
  if (!has_parts(family.type)) return;
  for (std::string& name : part_names(family)) part_names_.insert(std::move(name));
}

std::vector<Merged> Merger::finish() {
  std::vector<Merged> merged;
  merged.reserve(families_.size());
  for (auto& [name, entry] : families_) {
    std::string help = entry.help.value_or("");
    if (!entry.help) {
      for (const auto& part : entry.parts) help += (help.empty() ? "Read from " : ", ") + part.file->path;
      help += '.';
    }
    merged.push_back({name, std::move(help), entry.type, std::move(entry.parts)});
  }
  return merged;
}

void write_part(MetricWriter& writer, const Merged& merged, Exposition::Part part) {
  for (const auto& [file, family] : merged.parts) {
    const Exposition& content = file->content;
    for (uint32_t i = family->first; i < family->last; ++i) {
      const Exposition::Sample& sample = content.samples[i];
      if (sample.part != part) continue;
      writer.sample(writer.labels(content.view(sample.labels)), writer.labels(content.view(sample.bound)),
                    sample.value);
    }
  }
}

void write_family(MetricWriter& writer, const Merged& merged) {
  using Part = Exposition::Part;
  writer.family(merged.name, merged.help, merged.type);
  if (!has_parts(merged.type)) return write_part(writer, merged, Part::kPlain);
  for (const Part part : {Part::kPlain, Part::kSum, Part::kCount}) {
    writer.part(part_suffix(merged.type, part));
    write_part(writer, merged, part);
  }
}

bool is_in_page(const MetricWriter& writer, const Merged& merged) {
  if (writer.has_family(merged.name)) return true;
  if (!has_parts(merged.type)) return false;
  const auto names = part_names(*merged.parts[0].family);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return writer.has_family(name); });
}

// The directories that a flag stands for: itself, or what its wildcards match.
std::vector<std::string> expand(const std::string& pattern) {
  if (pattern.find_first_of("*?[\\") == std::string::npos) return {pattern};
  glob_t found = {};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_PERIOD, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string_view path = found.gl_pathv[i];
      if (!path.ends_with("/.") && !path.ends_with("/..")) paths.emplace_back(path);
    }
  }
  ::globfree(&found);
  if (paths.empty()) paths.push_back(pattern);  // will be an error that names it
  return paths;
}

class TextfileCollector : public Collector {
 public:
  explicit TextfileCollector(const Setup& setup) {
    for (std::string& directory : setup.flags.list(kDirectory)) {
      if (!directory.empty()) directories_.push_back(std::move(directory));
    }
  }
  std::string_view name() const override { return "textfile"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  void look(const std::string& directory);
  void look_at(const std::string& path);
  void load(File& file);
  void merge();
  void write(MetricWriter& writer);
  Result<void> outcome() const;

  std::vector<std::string> directories_;
  std::map<std::string, std::unique_ptr<File>> files_;  // by path
  std::vector<const File*> order_;                      // in this round
  std::vector<const File*> previous_;                   // in the one before
  bool changed_ = false;                                // a file was read in this round
  size_t kept_bytes_ = 0;

  std::vector<Merged> merged_;
  std::vector<const File*> good_;            // in merged_
  std::vector<std::string> merge_problems_;  // as long as merged_ is good
  std::vector<std::string> problems_;        // of this round
};

// Entries in byte order, as node_exporter has them: which of two contradicting files stays depends on it.
void TextfileCollector::look(const std::string& directory) {
  const auto dir = Dir::open(directory);
  auto entries = dir ? dir->list() : Result<std::vector<Dir::Entry>>(unexpected(dir.error()));
  if (!entries) {
    problems_.push_back(entries.error().message());
    return;
  }
  std::vector<std::string> names;
  for (Dir::Entry& entry : *entries) {
    if (entry.name.ends_with(".prom")) names.push_back(std::move(entry.name));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) look_at((std::filesystem::path(directory) / name).lexically_normal().string());
}

void TextfileCollector::look_at(const std::string& path) {
  std::unique_ptr<File>& file = files_[path];
  if (!file) file = std::make_unique<File>(File{.path = path});
  if (std::exchange(file->listed, true)) return;  // two flags lead there
  if (order_.size() >= kMaxFiles) {
    problems_.push_back(path + ": more than 10000 files");
    return;
  }
  order_.push_back(file.get());
  struct stat st;
  const bool same = file->settled && ::stat(path.c_str(), &st) == 0 && Version(st) == file->version;
  if (!same) load(*file);
}

void TextfileCollector::load(File& file) {
  const bool was_good = file.problem.empty();
  kept_bytes_ -= file.content.cost();
  file.content = {};
  auto loaded = load_file(file.path, file.version);
  bool keep = loaded || loaded.error().code == 0;  // what the system refused today it may allow tomorrow
  if (loaded && loaded->cost() > kMaxKeptBytes - kept_bytes_) {
    loaded = fail("more than 64 MB with the other files");
    keep = false;
  }
  if (loaded) file.content = std::move(*loaded);
  file.problem = loaded ? "" : loaded.error().within(file.path).message();
  file.settled = keep && file.version.settled();
  kept_bytes_ += file.content.cost();
  changed_ = changed_ || was_good || loaded;
}

void TextfileCollector::merge() {
  Merger merger;
  for (const File* file : order_) {
    if (file->problem.empty()) merger.add(*file);
  }
  merged_ = merger.finish();
  merge_problems_ = std::move(merger.problems);
  good_.clear();
  for (const File* file : order_) {
    if (merger.has(*file)) good_.push_back(file);
  }
  std::sort(good_.begin(), good_.end(), [](const File* a, const File* b) { return a->path < b->path; });
}

void TextfileCollector::write(MetricWriter& writer) {
  std::vector<const Merged*> fresh;
  for (const Merged& merged : merged_) {
    if (is_in_page(writer, merged)) {
      problems_.push_back(merged.parts[0].file->path + ": " + std::string(merged.name) + " is on the page already");
    } else {
      fresh.push_back(&merged);
    }
  }
  for (const Merged* merged : fresh) write_family(writer, *merged);
  writer.family(kMtime);
  for (const File* file : good_) {
    const auto seconds = static_cast<double>(file->version.modified.tv_sec);
    writer.sample(writer.labels(LabelSet{{"file", file->path}}), seconds);
  }
  writer.single(kError, problems_.empty() ? 0 : 1);
}

Result<void> TextfileCollector::outcome() const {
  if (problems_.empty()) return {};
  std::string message;
  for (size_t i = 0; i < std::min(problems_.size(), kErrorsNamed); ++i) message += (i == 0 ? "" : "; ") + problems_[i];
  if (problems_.size() > kErrorsNamed) message += "; and " + std::to_string(problems_.size() - kErrorsNamed) + " more";
  return fail(message);
}

Result<void> TextfileCollector::collect(MetricWriter& writer) {
  problems_.clear();
  changed_ = false;
  previous_ = std::exchange(order_, {});
  for (auto& [path, file] : files_) file->listed = false;
  for (const std::string& flag : directories_) {
    for (const std::string& directory : expand(flag)) look(directory);
  }
  if (changed_ || order_ != previous_) merge();
  for (const File* file : order_) {
    if (!file->problem.empty()) problems_.push_back(file->problem);
  }
  std::erase_if(files_, [&](const auto& entry) {
    if (!entry.second->listed) kept_bytes_ -= entry.second->content.cost();
    return !entry.second->listed;
  });
  problems_.insert(problems_.end(), merge_problems_.begin(), merge_problems_.end());
  write(writer);
  return outcome();
}

constexpr const Flag* kFlags[] = {&kDirectory};

}  // namespace

const Entry kTextfileCollector = {"textfile", "Metrics that others leave in files: *.prom in directories", Default::kOn,
                                  make<TextfileCollector>, kFlags};

}  // namespace plimsoll::collectors::host
