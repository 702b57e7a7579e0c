// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/bus.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "collectors/collector.h"

namespace plimsoll::collectors::host {
namespace {

constexpr int64_t kLongestNs = 5'000'000'000;
constexpr size_t kMaxRows = 100'000;

// The functions of libsystemd.so.0 that are used, with the header's types.
struct Library {
  decltype(&sd_bus_new) bus_new = nullptr;
  decltype(&sd_bus_set_address) set_address = nullptr;
  decltype(&sd_bus_set_bus_client) set_bus_client = nullptr;
  decltype(&sd_bus_start) start = nullptr;
  decltype(&sd_bus_is_ready) is_ready = nullptr;
  decltype(&sd_bus_process) process = nullptr;
  decltype(&sd_bus_wait) wait = nullptr;
  decltype(&sd_bus_close_unref) close_unref = nullptr;
  decltype(&sd_bus_call) call = nullptr;
  decltype(&sd_bus_error_free) error_free = nullptr;
  decltype(&sd_bus_message_new_method_call) new_call = nullptr;
  decltype(&sd_bus_message_set_auto_start) set_auto_start = nullptr;
  decltype(&sd_bus_message_append_basic) append_basic = nullptr;
  decltype(&sd_bus_message_unref) message_unref = nullptr;
  decltype(&sd_bus_message_peek_type) peek_type = nullptr;
  decltype(&sd_bus_message_enter_container) enter_container = nullptr;
  decltype(&sd_bus_message_exit_container) exit_container = nullptr;
  decltype(&sd_bus_message_read_basic) read_basic = nullptr;
  decltype(&sd_bus_message_skip) skip = nullptr;
};

template <typename Function>
bool find_function(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

bool find_functions(void* handle, Library& library) {
  return find_function(handle, "sd_bus_new", library.bus_new) &&
         find_function(handle, "sd_bus_set_address", library.set_address) &&
         find_function(handle, "sd_bus_set_bus_client", library.set_bus_client) &&
         find_function(handle, "sd_bus_start", library.start) &&
         find_function(handle, "sd_bus_is_ready", library.is_ready) &&
         find_function(handle, "sd_bus_process", library.process) &&
         find_function(handle, "sd_bus_wait", library.wait) &&
         find_function(handle, "sd_bus_close_unref", library.close_unref) &&
         find_function(handle, "sd_bus_call", library.call) &&
         find_function(handle, "sd_bus_error_free", library.error_free) &&
         find_function(handle, "sd_bus_message_new_method_call", library.new_call) &&
         find_function(handle, "sd_bus_message_set_auto_start", library.set_auto_start) &&
         find_function(handle, "sd_bus_message_append_basic", library.append_basic) &&
         find_function(handle, "sd_bus_message_unref", library.message_unref) &&
         find_function(handle, "sd_bus_message_peek_type", library.peek_type) &&
         find_function(handle, "sd_bus_message_enter_container", library.enter_container) &&
         find_function(handle, "sd_bus_message_exit_container", library.exit_container) &&
         find_function(handle, "sd_bus_message_read_basic", library.read_basic) &&
         find_function(handle, "sd_bus_message_skip", library.skip);
}

// Stays loaded: a library with threads' and processes' end handlers is not to be taken away.
Result<Library> load_library() {
  void* const handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
  Library library;
  if (handle == nullptr || !find_functions(handle, library)) return not_present("libsystemd.so.0");
  return library;
}

// D-Bus addresses escape what is not in this set by %XX.
std::string escape_path(const std::string& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.\\*";
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

BusAddress socket_below(const HostRoots& roots, const std::string& name, bool broker) {
  const std::string path = (roots.rootfs == "/" ? "" : roots.rootfs) + name;
  return {"unix:path=" + escape_path(path), path, broker};
}

// Errors by which a bus says that nobody has the name, as sd-bus translates them.
bool is_unknown_service(int code) { return code == EHOSTUNREACH || code == ENXIO; }

}  // namespace

// Everything that is sd-bus' own.
struct Bus::Connection {
  explicit Connection(const Library& functions) : library(functions) {}
  ~Connection() { library.close_unref(bus); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  class Message {
   public:
    explicit Message(const Library& library) : library_(library) {}
    ~Message() { library_.message_unref(message); }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    sd_bus_message* message = nullptr;

   private:
    const Library& library_;
  };

  Result<void> open(const BusAddress& address, int64_t stop_ns);
  Result<void> wait_until_ready(int64_t stop_ns) const;
  bool is_alive() const;
  Result<void> ask(Message& question, Message& answer, const char* what, int64_t stop_ns) const;
  Result<void> new_call(Message& question, const BusObject& object, const char* interface, const char* method) const;
  Result<BusValue> read_value(sd_bus_message* message) const;
  Result<BusRow> read_row(sd_bus_message* message, const char* contents) const;
  Result<std::vector<BusRow>> read_rows(sd_bus_message* message) const;

  const Library library;
  sd_bus* bus = nullptr;
};

namespace {

Unexpected bus_error(int negative, std::string_view context) {
  return unexpected(Error{-negative, std::string(context)});
}

uint64_t microseconds_left(int64_t stop_ns) {
  return static_cast<uint64_t>(std::max<int64_t>((stop_ns - monotonic_ns()) / 1000, 1));
}

}  // namespace

Result<void> Bus::Connection::open(const BusAddress& address, int64_t stop_ns) {
  int r = library.bus_new(&bus);
  if (r >= 0) r = library.set_address(bus, address.address.c_str());
  if (r >= 0 && address.broker) r = library.set_bus_client(bus, 1);
  if (r >= 0) r = library.start(bus);
  if (r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR) return not_present(address.address);
  if (r < 0) return bus_error(r, address.address);
  auto ready = wait_until_ready(stop_ns);
  if (!ready) return unexpected(ready.error().within(address.address));
  return {};
}

// Logging in and saying hello have time limits of their own in sd-bus, of up to 90 seconds.
Result<void> Bus::Connection::wait_until_ready(int64_t stop_ns) const {
  while (true) {
    const int r = library.process(bus, nullptr);
    if (r < 0) return bus_error(r, "connect");
    if (library.is_ready(bus) > 0) return {};
    if (monotonic_ns() >= stop_ns) return bus_error(-ETIMEDOUT, "connect");
    if (r == 0 && library.wait(bus, microseconds_left(stop_ns)) < 0) return bus_error(-EIO, "connect");
  }
}

// Takes in what came meanwhile, such as the news that the other side went away.
bool Bus::Connection::is_alive() const {
  constexpr int kMost = 1000;
  int r = 1;
  for (int i = 0; i < kMost && r > 0; ++i) r = library.process(bus, nullptr);
  return r >= 0 && library.is_ready(bus) > 0;
}

Result<void> Bus::Connection::new_call(Message& question, const BusObject& object, const char* interface,
                                       const char* method) const {
  int r = library.new_call(bus, &question.message, object.service.c_str(), object.path.c_str(), interface, method);
  if (r >= 0) r = library.set_auto_start(question.message, 0);
  if (r < 0) return bus_error(r, method);
  return {};
}

Result<void> Bus::Connection::ask(Message& question, Message& answer, const char* what, int64_t stop_ns) const {
  if (monotonic_ns() >= stop_ns) return bus_error(-ETIMEDOUT, what);
  sd_bus_error error = SD_BUS_ERROR_NULL;
  const int r = library.call(bus, question.message, microseconds_left(stop_ns), &error, &answer.message);
  library.error_free(&error);
  if (r < 0 && is_unknown_service(-r)) return not_present(what);
  if (r < 0) return bus_error(r, what);
  return {};
}

// The basic value that comes next.
Result<BusValue> Bus::Connection::read_value(sd_bus_message* message) const {
  char type = 0;
  int r = library.peek_type(message, &type, nullptr);
  if (r <= 0) return fail("no value");
  const auto read = [&](void* to) { r = library.read_basic(message, type, to); };
  BusValue value;
  if (type == 's' || type == 'o') {
    const char* text = nullptr;
    read(&text);
    value.text = r > 0 ? text : "";
  } else if (type == 'u' || type == 'b') {  // sd-bus gives a boolean as an int, 0 or 1
    uint32_t number = 0;
    read(&number);
    value.number = number;
  } else if (type == 't') {
    read(&value.number);
  } else {
    return fail(std::string("a value of type ") + type);
  }
  if (r <= 0) return fail("no value");
  return value;
}

Result<BusRow> Bus::Connection::read_row(sd_bus_message* message, const char* contents) const {
  int r = library.enter_container(message, 'r', contents);
  if (r <= 0) return fail("no structure");
  BusRow row;
  for (char type = 0; library.peek_type(message, &type, nullptr) > 0;) {
    auto value = read_value(message);
    if (!value && library.skip(message, nullptr) < 0) return unexpected(value.error());
    row.push_back(!value ? "" : type == 's' || type == 'o' ? std::move(value->text) : std::to_string(value->number));
  }
  if (library.exit_container(message) < 0) return fail("a structure cut off");
  return row;
}

Result<std::vector<BusRow>> Bus::Connection::read_rows(sd_bus_message* message) const {
  char type = 0;
  const char* contents = nullptr;
  if (library.peek_type(message, &type, &contents) <= 0 || type != 'a' || contents[0] != '(')
    return fail("an answer that is no array of structures");
  const std::string element = contents;
  const std::string members = element.substr(1, element.size() - 2);
  if (library.enter_container(message, 'a', element.c_str()) < 0) return fail("an answer that is cut off");
  std::vector<BusRow> rows;
  while (library.peek_type(message, &type, nullptr) > 0) {
    auto row = read_row(message, members.c_str());
    if (!row) return unexpected(row.error());
    if (rows.size() >= kMaxRows) return fail("more than 100000 rows");
    rows.push_back(std::move(*row));
  }
  return rows;
}

BusAddress system_bus(const HostRoots& roots) {
  const char* given = std::getenv("DBUS_SYSTEM_BUS_ADDRESS");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (given != nullptr && *given != '\0') return {given, "", true};
  return socket_below(roots, "/run/dbus/system_bus_socket", true);
}

BusAddress systemd_socket(const HostRoots& roots) { return socket_below(roots, "/run/systemd/private", false); }

bool ends_talk(const Error& error) {
  return error.code == ETIMEDOUT || error.code == ECONNRESET || error.code == ENOTCONN || error.code == EPIPE ||
         error.code == EIO;
}

Bus::Bus(BusAddress address) : address_(std::move(address)) {}
Bus::~Bus() = default;

Result<void> Bus::begin(int64_t deadline_ns) {
  const int64_t now = monotonic_ns();
  stop_ns_ = now + std::min(kLongestNs, std::max<int64_t>(deadline_ns - now, 0) / 2);
  if (connection_ && connection_->is_alive()) return {};
  connection_.reset();
  struct stat st;
  if (!address_.socket.empty() && ::stat(address_.socket.c_str(), &st) != 0) return not_present(address_.socket);
  auto library = load_library();
  if (!library) return unexpected(library.error());
  auto fresh = std::make_unique<Connection>(*library);
  auto opened = fresh->open(address_, stop_ns_);
  if (!opened) return opened;
  connection_ = std::move(fresh);
  return {};
}

Result<std::vector<BusRow>> Bus::rows(const BusObject& object, const char* interface, const char* method) {
  if (!connection_) return bus_error(-ENOTCONN, method);
  Connection::Message question(connection_->library), answer(connection_->library);
  auto done = connection_->new_call(question, object, interface, method);
  if (done) done = connection_->ask(question, answer, method, stop_ns_);
  if (!done) return unexpected(done.error());
  auto rows = connection_->read_rows(answer.message);
  if (!rows) return unexpected(rows.error().within(method));
  return rows;
}

Result<BusValue> Bus::property(const BusObject& object, const std::string& interface, const char* name) {
  if (!connection_) return bus_error(-ENOTCONN, name);
  const Library& library = connection_->library;
  Connection::Message question(library), answer(library);
  auto done = connection_->new_call(question, object, "org.freedesktop.DBus.Properties", "Get");
  if (!done) return unexpected(done.error());
  int r = library.append_basic(question.message, 's', interface.c_str());
  if (r >= 0) r = library.append_basic(question.message, 's', name);
  if (r < 0) return bus_error(r, name);
  done = connection_->ask(question, answer, name, stop_ns_);
  if (!done) return unexpected(done.error());
  char type = 0;
  const char* contents = nullptr;
  if (library.peek_type(answer.message, &type, &contents) <= 0 || type != 'v')
    return fail(std::string(name) + ": no value");
  if (library.enter_container(answer.message, 'v', contents) <= 0) return fail(std::string(name) + ": no value");
  auto value = connection_->read_value(answer.message);
  if (!value) return unexpected(value.error().within(name));
  return value;
}

}  // namespace plimsoll::collectors::host
