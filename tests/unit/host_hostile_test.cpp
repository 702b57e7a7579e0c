// SPDX-License-Identifier: Apache-2.0
// Every host collector over a machine whose files are wrong. The machine (host_machine_tree.h) has everything; each
// of its files in turn is taken away, emptied, cut off, made a directory or a pipe, blown up, scrambled ... and each
// directory taken away, emptied, made a file or doubled. The collectors that open it (the kernel tells: inotify(7))
// must not crash, hang, write a series twice, a family in two pieces, a number that nobody said, or a name that
// Prometheus refuses; and must be back at what they said before when the file is.
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <set>

#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_machine_tree.h"

namespace plimsoll::collectors::host {
namespace {

namespace fs = std::filesystem;
using test::collect;
using test::Collected;
using test::TempTree;

// Collectors that are not run here, or not held to all of it.
struct Exception {
  std::string_view collector, reason;
};
constexpr Exception kNotRun[] = {
    {"logind", "asks the machine's own D-Bus; host_bus_test"},
    {"systemd", "asks the machine's own D-Bus; host_bus_test"},
    {"perf", "counts on the machine's own CPUs; host_bus_test"},
};
constexpr Exception kOpensNothing[] = {
    {"ethtool", "asks drivers about the interfaces of this machine, none of which is in the tree"},
    {"network_route", "asks the kernel by netlink, and not at all over a tree"},
    {"qdisc", "asks the kernel by netlink, and not at all over a tree"},
    {"timex", "a system call"},
    {"uname", "a system call"},
};
constexpr Exception kChangesByItself[] = {
    {"filesystem", "free space of this machine"},
    {"textfile", "when its files were written"},
    {"time", "the clock"},
    {"timex", "the clock"},
};

bool listed(std::span<const Exception> list, std::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](const Exception& e) { return e.collector == name; });
}

// So that as many files as possible are opened.
struct FlagValue {
  std::string_view name, value;
};
constexpr FlagValue kFlags[] = {
    {"arp.netlink", "false"},
    {"bcache.priorityStats", "true"},
    {"cpu.info", "true"},
    {"cpu.info.bugs-include", ".*"},
    {"cpu.info.flags-include", ".*"},
    {"interrupts.include-zeros", "true"},
    {"netdev.address-info", "true"},
    {"netdev.enable-detailed-metrics", "true"},
    {"netdev.label-ifalias", "true"},
    {"netdev.netlink", "false"},
    {"pcidevice.names", "true"},
    {"rapl.enable-zone-label", "true"},
    {"stat.softirq", "true"},
    {"sysctl.include", "fs.file-nr:a,b,c"},
    {"sysctl.include-info", "kernel.core_pattern"},
    {"vmstat.fields", ".*"},
};

// What was being done, for the report of a hang.
char g_place[512];

void report_hang(int) {
  const char text[] = "hangs: ";
  (void)!::write(2, text, sizeof text - 1);
  (void)!::write(2, g_place, ::strnlen(g_place, sizeof g_place));
  (void)!::write(2, "\n", 1);
  ::_exit(1);
}

void note_place(const std::string& place) {
  g_place[place.copy(g_place, sizeof g_place - 1)] = '\0';
  std::signal(SIGALRM, report_hang);
  ::alarm(120);
}

// What is wrong, once for each collector and kind of wrong, with the first place where it was seen.
class Complaints {
 public:
  ~Complaints() {
    ::alarm(0);
    for (const auto& [what, place] : seen_) ADD_FAILURE() << what << " (" << place << ")";
  }
  void add(const std::string& what) { seen_.emplace(what, g_place); }
  std::map<std::string, std::string> take() { return std::exchange(seen_, {}); }

 private:
  std::map<std::string, std::string> seen_;
};

bool is_name(std::string_view name, bool colons) {
  const auto fits = [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c == ':' && colons);
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), fits);
}

// Takes name="value" off the front of rendered labels; false when there is none.
bool take_label(std::string_view& rest, std::string& name, std::string& value) {
  const size_t equals = rest.find("=\"");
  if (equals == std::string_view::npos) return false;
  name = rest.substr(0, equals);
  size_t end = equals + 2;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  if (end >= rest.size()) return false;
  value = rest.substr(equals + 2, end - equals - 2);
  rest.remove_prefix(end + 1);
  if (rest.starts_with(',')) rest.remove_prefix(1);
  return value.find('\n') == std::string::npos;
}

// Sorted labels as one text; "!" and what is wrong with them.
std::string label_key(std::string_view labels) {
  std::map<std::string, std::string> sorted;
  while (!labels.empty()) {
    std::string name, value;
    if (!take_label(labels, name, value)) return "!labels that are none";
    if (!is_name(name, false)) return "!a label's name that is none: " + name;
    if (!sorted.emplace(name, value).second) return "!a label twice: " + name;
  }
  std::string key;
  for (const auto& [name, value] : sorted) key += name + "=\"" + value + "\",";
  return key;
}

class PageCheck {
 public:
  PageCheck(std::string_view collector, const MetricPage& page, Complaints& complaints)
      : collector_(collector), page_(page), complaints_(complaints) {}

  void run() {
    for (size_t i = 0; i < page_.families().size(); ++i) {
      const MetricPage::Family& family = page_.families()[i];
      const std::string name(family.desc.name);
      if (family.starts && !families_.insert(name).second) complain("writes a family in two pieces", name);
      if (!is_name(name, true)) complain("writes a metric's name that is none", name);
      const auto [first, last] = page_.samples(i);
      for (const Sample* sample = first; sample != last; ++sample) check_sample(family, *sample);
    }
  }

 private:
  void complain(const std::string& what, const std::string& where) {
    complaints_.add(std::string(collector_) + " " + what + ": " + where);
  }

  void check_sample(const MetricPage::Family& family, const Sample& sample) {
    std::string labels(page_.labels(sample.base));
    const std::string extra(page_.labels(sample.extra));
    if (!labels.empty() && !extra.empty()) labels += ',';
    const std::string key = label_key(labels + extra);
    const std::string name(family.sample_name);
    if (key.starts_with('!')) complain("writes " + key.substr(1), name);
    if (!series_.insert(name + "{" + key).second) complain("writes a series twice", name);
    if (collector_ == "textfile") return;  // any number may stand in its files
    const double number = sample.value().number();
    if (!std::isfinite(number)) complain("writes a number that is none", name);
    if (number < 0 && family.desc.type == MetricType::kCounter) complain("writes a counter below 0", name);
  }

  std::string_view collector_;
  const MetricPage& page_;
  Complaints& complaints_;
  std::set<std::string> families_, series_;
};

TEST(PageCheck, FindsWhatIsWrong) {
  constexpr MetricDesc kGood = {"node_good", "Good.", MetricType::kCounter};
  MetricWriter writer;
  writer.family(kGood);
  writer.sample(writer.labels(R"(a="1",b="x\"y")"), 1);
  writer.sample(writer.labels(R"(a="1",b="z")"), 2);
  writer.single({"node_also_good", "Good.", MetricType::kGauge}, -1);
  Complaints complaints;
  PageCheck("a", writer.finish(), complaints).run();
  EXPECT_TRUE(complaints.take().empty());

  writer.family(kGood);
  writer.sample(writer.labels(R"(a="1",b="2")"), 1);
  writer.sample(writer.labels(R"(b="2")"), writer.labels(R"(a="1")"), 2);
  writer.sample(writer.labels(R"(c="1",c="2")"), -1);
  writer.sample(writer.labels(R"(1c="1")"), std::nan(""));
  writer.sample(writer.labels(R"(d=1)"), 1);
  writer.single({"node-bad", "Bad.", MetricType::kGauge}, 1);
  writer.single(kGood, 1);
  PageCheck("a", writer.finish(), complaints).run();
  std::string found;
  for (const auto& [what, place] : complaints.take()) found += what + "\n";
  EXPECT_EQ(found,
            "a writes a counter below 0: node_good\n"
            "a writes a family in two pieces: node_good\n"
            "a writes a label twice: c: node_good\n"
            "a writes a label's name that is none: 1c: node_good\n"
            "a writes a metric's name that is none: node-bad\n"
            "a writes a number that is none: node_good\n"
            "a writes a series twice: node_good\n"
            "a writes labels that are none: node_good\n");
}

// The tree, and who opens what in it.
class Machine {
 public:
  Machine() : setup_(test::roots_of(tree_)) {
    test::write_machine(tree_);
    for (const Entry* entry : table()) set_flags(*entry);
    watch();
    for (const Entry* entry : table())
      if (!listed(kNotRun, entry->name)) observe(*entry);
    ::close(inotify_);
  }

  const TempTree& tree() const { return tree_; }
  std::unique_ptr<Collector> make(const Entry& entry) const { return entry.make(setup_); }
  // By path below the tree; directories too.
  const std::map<std::string, std::set<const Entry*>>& openers() const { return openers_; }

  // Those that open `path` or something below it.
  std::set<const Entry*> openers_below(const std::string& path) const {
    std::set<const Entry*> entries;
    for (const auto& [opened, by] : openers_)
      if (opened == path || opened.starts_with(path + "/")) entries.insert(by.begin(), by.end());
    return entries;
  }

  std::vector<std::string> paths(bool directories) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(tree_.path()))
      if (!entry.is_symlink() && entry.is_directory() == directories)
        found.push_back(entry.path().string().substr(tree_.path().size() + 1));
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  void set_flags(const Entry& entry) {
    for (const Flag* flag : entry.flags) {
      for (const FlagValue& value : kFlags)
        if (flag->name == value.name) setup_.flags.set(*flag, std::string(value.value));
      if (flag->name == "textfile.directory") setup_.flags.set(*flag, tree_.at("root/textfile"));
    }
  }

  void watch() {
    inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ASSERT_GE(inotify_, 0);
    for (const std::string& directory : paths(true)) {
      const int watch = ::inotify_add_watch(inotify_, tree_.at(directory).c_str(), IN_OPEN);
      ASSERT_GE(watch, 0);
      watched_[watch] = directory;
    }
    drain({});
  }

  void observe(const Entry& entry) {
    const auto collector = make(entry);
    (void)collect(*collector);
    (void)collect(*collector);
    drain([&](const std::string& path) { openers_[path].insert(&entry); });
  }

  void drain(const std::function<void(const std::string&)>& opened) {
    alignas(inotify_event) char buffer[64 * 1024];
    ssize_t filled;
    while ((filled = ::read(inotify_, buffer, sizeof buffer)) > 0) {
      for (ssize_t at = 0; at < filled;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        const std::string& directory = watched_[event->wd];
        if (opened) opened(event->len > 0 ? directory + "/" + event->name : directory);
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
  }

  TempTree tree_;
  Setup setup_;
  int inotify_ = -1;
  std::map<int, std::string> watched_;
  std::map<std::string, std::set<const Entry*>> openers_;
};

TEST(HostileMachine, HasWhatEveryCollectorWants) {
  const Machine machine;
  Complaints complaints;
  MetricWriter all;
  for (const Entry* entry : table()) {
    const std::string name(entry->name);
    note_place(name);
    if (listed(kNotRun, name)) continue;
    const auto collector = machine.make(*entry);
    const auto collected = collect(*collector);
    (void)collector->collect(all).has_value();
    if (listed(kOpensNothing, name)) continue;
    if (!collected.result) complaints.add(name + ": " + collected.error());
    if (collected.text().empty()) complaints.add(name + " writes nothing");
    const auto opens = [&](const auto& opened) { return opened.second.contains(entry); };
    if (std::none_of(machine.openers().begin(), machine.openers().end(), opens))
      complaints.add(name + " opens nothing");
  }
  PageCheck("one of them", all.finish(), complaints).run();
}

TEST(HostileMachine, HasNoFileThatNobodyOpens) {
  const Machine machine;
  for (const std::string& path : machine.paths(false))
    EXPECT_TRUE(machine.openers().contains(path) || path.ends_with("/.keep")) << path;
}

enum class Damage {
  kMissing,
  kEmpty,
  kCut,
  kDirectory,
  kPipe,
  kEndless,
  kGarbage,
  kHuge,
  kNegative,
  kNoNumber,
  kTwice,
  kOddNames
};

// Each run of digits that is a word's beginning is turned into `number`.
std::string with_numbers(const std::string& text, const std::string& number) {
  std::string changed;
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find_first_not_of("0123456789", i), text.size());
    const bool begins = i == 0 || !(std::isalnum(static_cast<unsigned char>(text[i - 1])) || text[i - 1] == '_');
    changed += end > i && begins ? number : text.substr(i, std::max(end, i + 1) - i);
    i = std::max(end, i + 1);
  }
  return changed;
}

std::string with_odd_names(std::string text) {
  constexpr std::string_view kFrom = "aeiou", kTo = "\"\\\xff{\x01";
  for (char& c : text)
    if (const size_t at = kFrom.find(c); at != std::string_view::npos) c = kTo[at];
  return text;
}

std::string garbage() {
  std::string bytes;
  uint64_t state = 4711;
  for (int i = 0; i < 5000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes += static_cast<char>(state >> 56);
  }
  return bytes + "\n";
}

std::string damaged(const std::string& text, Damage damage) {
  switch (damage) {
    case Damage::kCut:
      return text.substr(0, text.size() / 2);
    case Damage::kGarbage:
      return garbage();
    case Damage::kHuge:
      return with_numbers(text, "99999999999999999999999");
    case Damage::kNegative:
      return with_numbers(text, "-7");
    case Damage::kNoNumber:
      return with_numbers(text, "nan");
    case Damage::kTwice:
      return text + text;
    case Damage::kOddNames:
      return with_odd_names(text);
    default:
      return "";
  }
}

// In place: descriptors that are kept open see it.
void overwrite(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

void damage_file(const std::string& path, const std::string& text, Damage damage) {
  const bool replaced = damage == Damage::kMissing || damage == Damage::kDirectory || damage == Damage::kPipe;
  if (!replaced)
    return damage == Damage::kEndless ? fs::resize_file(path, 17 << 20) : overwrite(path, damaged(text, damage));
  fs::remove(path);
  if (damage == Damage::kDirectory) fs::create_directory(path);
  if (damage == Damage::kPipe) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  }
}

void repair_file(const std::string& path, const std::string& text) {
  if (!fs::is_regular_file(fs::symlink_status(path))) fs::remove_all(path);
  overwrite(path, text);
}

// One collector that has been running for a while and one that starts now, while something is `damaged`.
class Trial {
 public:
  Trial(const Machine& machine, const Entry& entry, Complaints& complaints)
      : machine_(machine), entry_(entry), complaints_(complaints), kept_(machine.make(entry)) {
    before_ = collect(*kept_).text();
  }
  void while_damaged() {
    check(collect(*kept_));
    check(collect(*machine_.make(entry_)));
  }
  void when_repaired() {
    const auto again = collect(*kept_);
    check(again);
    if (!listed(kChangesByItself, entry_.name) && again.text() != before_)
      complaints_.add(std::string(entry_.name) + " does not come back to what it said before");
  }

 private:
  void check(const Collected& collected) {
    PageCheck(entry_.name, collected.page, complaints_).run();
    if (!collected.result && collected.error().empty())
      complaints_.add(std::string(entry_.name) + ": error without words");
  }

  const Machine& machine_;
  const Entry& entry_;
  Complaints& complaints_;
  std::unique_ptr<Collector> kept_;
  std::string before_;
};

void try_out(const Machine& machine, const std::set<const Entry*>& entries, Complaints& complaints,
             const std::function<void()>& damage, const std::function<void()>& repair) {
  std::vector<Trial> trials;
  for (const Entry* entry : entries) trials.emplace_back(machine, *entry, complaints);
  damage();
  for (Trial& trial : trials) trial.while_damaged();
  repair();
  for (Trial& trial : trials) trial.when_repaired();
}

struct NamedDamage {
  Damage damage;
  const char* name;
};
void PrintTo(const NamedDamage& damage, std::ostream* out) { *out << damage.name; }

// What costs much is not done to every file of a collector, of which most are read alike.
class Economy {
 public:
  bool is_due(const std::set<const Entry*>& entries) {
    bool due = false;
    for (const Entry* entry : entries) due = ++tried_[entry] <= 3 || due;
    return due;
  }

 private:
  std::map<const Entry*, int> tried_;
};

class HostileFile : public testing::TestWithParam<NamedDamage> {};

TEST_P(HostileFile, IsSurvived) {
  const Machine machine;
  Complaints complaints;
  Economy economy;
  size_t tried = 0;
  const bool costs_much = GetParam().damage == Damage::kEndless;
  for (const std::string& name : machine.paths(false)) {
    const auto openers = machine.openers().find(name);
    if (openers == machine.openers().end() || (costs_much && !economy.is_due(openers->second))) continue;
    note_place(name + ", " + GetParam().name);
    const std::string path = machine.tree().at(name);
    const std::string text = read_file(path).value_or("");
    try_out(
        machine, openers->second, complaints, [&] { damage_file(path, text, GetParam().damage); },
        [&] { repair_file(path, text); });
    ++tried;
  }
  EXPECT_GT(tried, costs_much ? 100u : 300u);
}

INSTANTIATE_TEST_SUITE_P(Damages, HostileFile,
                         testing::Values(NamedDamage{Damage::kMissing, "Missing"}, NamedDamage{Damage::kEmpty, "Empty"},
                                         NamedDamage{Damage::kCut, "Cut"}, NamedDamage{Damage::kDirectory, "Directory"},
                                         NamedDamage{Damage::kPipe, "Pipe"}, NamedDamage{Damage::kEndless, "Endless"},
                                         NamedDamage{Damage::kGarbage, "Garbage"}, NamedDamage{Damage::kHuge, "Huge"},
                                         NamedDamage{Damage::kNegative, "Negative"},
                                         NamedDamage{Damage::kNoNumber, "NoNumber"},
                                         NamedDamage{Damage::kTwice, "Twice"},
                                         NamedDamage{Damage::kOddNames, "OddNames"}),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

enum class Loss { kMissing, kEmpty, kFile, kTwin };

struct NamedLoss {
  Loss loss;
  const char* name;
};
void PrintTo(const NamedLoss& loss, std::ostream* out) { *out << loss.name; }

// hwmon0 -> hwmon7, AC -> AC7
std::string twin_of(std::string path) {
  if (path.back() >= '0' && path.back() <= '9') path.pop_back();
  return path + "7";
}

class HostileDirectory : public testing::TestWithParam<NamedLoss> {};

TEST_P(HostileDirectory, IsSurvived) {
  const Machine machine;
  Complaints complaints;
  const Loss loss = GetParam().loss;
  for (const std::string& name : machine.paths(true)) {
    note_place(name + ", " + GetParam().name);
    const std::string path = machine.tree().at(name), away = machine.tree().at("away"), twin = twin_of(path);
    const bool in_a_list = machine.openers().contains(name.substr(0, name.rfind('/')));
    if (loss == Loss::kTwin && (!in_a_list || fs::exists(twin))) continue;
    const auto damage = [&] {
      if (loss == Loss::kTwin)
        return fs::copy(path, twin, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      fs::rename(path, away);
      if (loss == Loss::kEmpty) fs::create_directory(path);
      if (loss == Loss::kFile) overwrite(path, "1\n");
    };
    const auto repair = [&] {
      fs::remove_all(loss == Loss::kTwin ? twin : path);
      if (loss != Loss::kTwin) fs::rename(away, path);
    };
    try_out(machine, machine.openers_below(name), complaints, damage, repair);
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, HostileDirectory,
                         testing::Values(NamedLoss{Loss::kMissing, "Missing"}, NamedLoss{Loss::kEmpty, "Empty"},
                                         NamedLoss{Loss::kFile, "File"}, NamedLoss{Loss::kTwin, "Twin"}),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace plimsoll::collectors::host
