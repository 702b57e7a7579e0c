// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/config.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

using std::chrono::nanoseconds;
using yaml::Fields;
using yaml::Node;

constexpr nanoseconds kLeastInterval = std::chrono::seconds(1), kMostInterval = std::chrono::hours(1);
constexpr uint64_t kMostSamples = 100'000;
constexpr uint64_t kLeastQueue = 1 << 20;
constexpr size_t kMostRemotes = 16;

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_label_name(std::string_view name) {
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && !name.starts_with("__") &&
         std::all_of(name.begin(), name.end(), is_word_character);
}

bool is_header_name(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word_character(c) || c == '-'; });
}

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name[0] != '.' && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word_character(c) || c == '-' || c == '.'; });
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

template <typename T>
void take_if(std::optional<T> given, T& target) {
  if (given) target = std::move(*given);
}

// A map of texts, in the file's order.
TextPairs read_pairs(Fields& fields, const char* name, bool (*is_name)(std::string_view), const char* what) {
  TextPairs pairs;
  const Node* map = fields.node(name, Node::Kind::kMap);
  if (map == nullptr) return pairs;
  for (const auto& [key, value] : map->fields) {
    if (!is_name(key)) {
      fields.complain(name, "'" + key + "' is no name of a " + what);
    } else if (value.kind != Node::Kind::kScalar || !is_one_line(value.scalar) || !is_utf8(value.scalar)) {
      fields.complain(name, "'" + key + "' must be one line of text");
    }
    pairs.emplace_back(key, value.scalar);
  }
  return pairs;
}

void read_secret(Fields& fields, const char* text, const char* file, Secret& secret) {
  take_if(fields.text(text), secret.text);
  take_if(fields.text(file), secret.file);
  if (!secret.text.empty() && !secret.file.empty())
    fields.complain(file, std::string("says the same as ") + text + "; give only one of them");
  if (!is_one_line(secret.text)) fields.complain(text, "is more than one line");
}

void read_basic_auth(const Node& node, const std::string& where, RemoteWriteConfig& config, Result<void>& result) {
  Fields fields(node, where);
  take_if(fields.text("username"), config.username);
  read_secret(fields, "password", "password_file", config.password);
  if (config.username.empty() || config.username.find(':') != std::string::npos || !is_one_line(config.username))
    fields.complain("username", "is missing, or has a ':' or a line end");
  result = fields.finish();
}

void read_authorization(const Node& node, const std::string& where, RemoteWriteConfig& config, Result<void>& result) {
  Fields fields(node, where);
  config.auth_scheme = fields.text("type").value_or("Bearer");
  read_secret(fields, "credentials", "credentials_file", config.credentials);
  if (!is_header_name(config.auth_scheme)) fields.complain("type", "is no scheme such as Bearer");
  if (config.auth_scheme == "Basic") fields.complain("type", "Basic is what basic_auth is for");
  if (config.credentials.text.empty() && config.credentials.file.empty())
    fields.complain("credentials", "is missing; give it or credentials_file");
  result = fields.finish();
}

int read_tls_version(Fields& fields, const char* name, int otherwise) {
  const auto given = fields.text(name);
  if (!given) return otherwise;
  for (const int version : {10, 11, 12, 13}) {
    if (*given == "TLS" + std::to_string(version)) return version;
  }
  fields.complain(name, "'" + *given + "' is none of TLS10, TLS11, TLS12, TLS13");
  return otherwise;
}

void read_tls(const Node& node, const std::string& where, RemoteWriteConfig& config, Result<void>& result) {
  Fields fields(node, where);
  RemoteWriteTls& tls = config.tls;
  take_if(fields.text("ca_file"), tls.ca_file);
  take_if(fields.text("cert_file"), tls.cert_file);
  take_if(fields.text("key_file"), tls.key_file);
  take_if(fields.text("server_name"), tls.server_name);
  tls.verify = !fields.on_off("insecure_skip_verify").value_or(false);
  tls.min_version = read_tls_version(fields, "min_version", 12);
  tls.max_version = read_tls_version(fields, "max_version", 0);
  if (tls.max_version != 0 && tls.max_version < tls.min_version) fields.complain("max_version", "is below min_version");
  if (tls.cert_file.empty() != tls.key_file.empty())
    fields.complain(tls.cert_file.empty() ? "key_file" : "cert_file", "is half of a pair; give cert_file and key_file");
  for (const char* inlined : {"ca", "cert", "key"}) {
    if (fields.node(inlined) != nullptr)
      fields.complain(inlined, std::string("is not taken here; write it to a file and give ") + inlined + "_file");
  }
  // It becomes part of an address, in which nothing else may come with it.
  const auto named = parse_url("https://" + tls.server_name);
  if (!tls.server_name.empty() && (!named || named->host != tls.server_name))
    fields.complain("server_name", "'" + tls.server_name + "' is no host name");
  result = fields.finish();
}

// Prometheus' queue is in memory, in shards; ours is on disk, and one request at a time keeps the order.
void read_queue(const Node& node, const std::string& where, RemoteWriteConfig& config, Result<void>& result) {
  Fields fields(node, where);
  take_if(fields.duration("min_backoff"), config.min_backoff);
  take_if(fields.duration("max_backoff"), config.max_backoff);
  take_if(fields.number("max_samples_per_send"), config.max_samples_per_send);
  take_if(fields.on_off("retry_on_http_429"), config.retry_on_http_429);
  if (config.min_backoff < std::chrono::milliseconds(1)) fields.complain("min_backoff", "must be 1ms or more");
  if (config.max_backoff < config.min_backoff) fields.complain("max_backoff", "is less than min_backoff");
  if (config.max_backoff > kMostInterval) fields.complain("max_backoff", "must be 1h or less");
  if (config.max_samples_per_send == 0 || config.max_samples_per_send > kMostSamples)
    fields.complain("max_samples_per_send", "must be a number from 1 to 100000");
  for (const char* other : {"capacity", "max_shards", "min_shards", "batch_send_deadline", "sample_age_limit"}) {
    if (fields.node(other) != nullptr)
      config.notices.push_back(where + "." + other +
                               " has no effect: one request at a time is sent, from a queue on disk (queue_max_bytes)");
  }
  result = fields.finish();
}

using ReadPart = void (*)(const Node&, const std::string&, RemoteWriteConfig&, Result<void>&);

void read_part(Fields& fields, const std::string& where, const char* name, ReadPart read, RemoteWriteConfig& config,
               Result<void>& result) {
  const Node* node = fields.node(name, Node::Kind::kMap);
  if (node != nullptr && result) read(*node, where + "." + name, config, result);
}

// What Prometheus has and we have not. What would change who gets which samples, or how they are protected, must
// not be passed over.
void refuse_others(Fields& fields) {
  constexpr std::pair<const char*, const char*> kRefused[] = {
      {"write_relabel_configs",
       "is not supported; --metric.allow, --metric.deny and the label rules choose what is sent"},
      {"sigv4", "is not supported; send through a proxy that signs, such as aws-sigv4-proxy"},
      {"azuread", "is not supported; give a token by authorization.credentials_file"},
      {"google_iam", "is not supported; give a token by authorization.credentials_file"},
      {"oauth2", "is not supported; give a token by authorization.credentials_file"},
      {"bearer_token", "is not supported; write authorization: {credentials: ...}"},
      {"bearer_token_file", "is not supported; write authorization: {credentials_file: ...}"},
      {"proxy_connect_header", "is not supported"},
      {"http_headers", "is not supported; write headers: {NAME: VALUE}"},
  };
  for (const auto& [name, why] : kRefused) {
    if (fields.node(name) != nullptr) fields.complain(name, why);
  }
  const auto protocol = fields.text("protobuf_message");
  if (protocol && *protocol != "prometheus.WriteRequest")
    fields.complain("protobuf_message", "only prometheus.WriteRequest (remote write 1.0) is spoken");
  if (fields.on_off("follow_redirects").value_or(false))
    fields.complain("follow_redirects", "is not supported: samples go nowhere else than to url");
}

void note_others(Fields& fields, const std::string& where, RemoteWriteConfig& config) {
  constexpr std::pair<const char*, const char*> kWithoutEffect[] = {
      {"metadata_config", "types and help texts are not sent"},      {"send_exemplars", "there are no exemplars"},
      {"send_native_histograms", "there are no native histograms"},  {"enable_http2", "requests are sent by HTTP/1.1"},
      {"round_robin_dns", "the first address that answers is used"},
  };
  for (const auto& [name, why] : kWithoutEffect) {
    if (fields.node(name) != nullptr) config.notices.push_back(where + "." + name + " has no effect: " + why);
  }
}

void check_address(Fields& fields, const char* name, const std::string& text) {
  const auto url = parse_url(text);
  if (!url) fields.complain(name, url.error().message());
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

void check_headers(Fields& fields, const TextPairs& headers) {
  std::vector<std::string> earlier;
  for (const auto& [name, value] : headers) {
    const std::string lower = lower_case(name);
    for (const char* ours : {"authorization", "host", "content-encoding", "content-length", "content-type",
                             "user-agent", "x-prometheus-remote-write-version", "connection", "transfer-encoding"}) {
      if (lower == ours) fields.complain("headers", "'" + name + "' is set by the agent itself");
    }
    if (std::find(earlier.begin(), earlier.end(), lower) != earlier.end())
      fields.complain("headers", "'" + name + "' is there twice; upper and lower case are the same");
    earlier.push_back(lower);
  }
}

void read_receiver(Fields& fields, RemoteWriteConfig& config) {
  take_if(fields.text("url"), config.url);
  if (config.url.empty()) {
    fields.complain("url", "is missing; write such as http://127.0.0.1:9090/api/v1/write");
  } else {
    check_address(fields, "url", config.url);
  }
  take_if(fields.duration("remote_timeout"), config.timeout);
  if (config.timeout < std::chrono::milliseconds(1) || config.timeout > kMostInterval)
    fields.complain("remote_timeout", "must be from 1ms to 1h");
  config.headers = read_pairs(fields, "headers", is_header_name, "header");
  check_headers(fields, config.headers);
  take_if(fields.text("proxy_url"), config.proxy_url);
  take_if(fields.text("no_proxy"), config.no_proxy);
  config.proxy_from_environment = fields.on_off("proxy_from_environment").value_or(false);
  if (!config.proxy_url.empty()) check_address(fields, "proxy_url", config.proxy_url);
  if (!config.proxy_url.empty() && config.proxy_from_environment)
    fields.complain("proxy_from_environment", "says the same as proxy_url; give only one of them");
}

void read_page(Fields& fields, RemoteWriteConfig& config) {
  const std::string page = fields.text("page").value_or("all");
  if (page == "node") {
    config.page = RemoteWritePage::kNode;
  } else if (page == "cadvisor") {
    config.page = RemoteWritePage::kCadvisor;
  } else if (page != "all") {
    fields.complain("page", "'" + page + "' is none of all, node, cadvisor");
  }
}

void read_samples(Fields& fields, RemoteWriteConfig& config) {
  take_if(fields.duration("interval"), config.interval);
  if (config.interval < kLeastInterval || config.interval > kMostInterval)
    fields.complain("interval", "must be from 1s to 1h");
  read_page(fields, config);
  take_if(fields.text("job"), config.job);
  take_if(fields.text("instance"), config.instance);
  for (const auto& [name, value] : {std::pair("job", &config.job), std::pair("instance", &config.instance)}) {
    if (!is_one_line(*value) || !is_utf8(*value)) fields.complain(name, "must be one line of text");
  }
  config.external_labels = read_pairs(fields, "external_labels", is_label_name, "label");
  std::sort(config.external_labels.begin(), config.external_labels.end());
  for (const auto& [name, value] : config.external_labels) {
    if (name == "job" || name == "instance")
      fields.complain("external_labels", "'" + name + "' is a field of its own beside external_labels");
  }
}

void read_place(Fields& fields, RemoteWriteConfig& config) {
  take_if(fields.text("queue_directory"), config.queue_directory);
  if (!config.queue_directory.empty() && config.queue_directory[0] != '/')
    fields.complain("queue_directory", "'" + config.queue_directory + "' must start with '/'");
  if (!config.queue_directory.empty()) config.queue_directory = tidy_path(config.queue_directory);
  const auto size = fields.text("queue_max_bytes");
  if (!size) return;
  const auto bytes = parse_size(*size);
  if (!bytes || *bytes < kLeastQueue) {
    fields.complain("queue_max_bytes", "'" + *size + "' is no size of 1MB or more; write 512MB");
  } else {
    config.queue_max_bytes = *bytes;
  }
}

// Stands for the address where a name must be: it is a directory's and a label's.
std::string name_of(const std::string& url) {
  const auto parts = parse_url(url);
  std::string name = parts ? parts->host + "_" + parts->port : "";
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_word_character(c) && c != '-' && c != '.'; }, '_');
  if (name.starts_with('.')) name.insert(0, "_");
  return name.substr(0, 64);
}

Result<RemoteWriteConfig> read_remote(const Node& node, const std::string& where) {
  RemoteWriteConfig config;
  Fields fields(node, where);
  read_receiver(fields, config);
  config.name = fields.text("name").value_or(name_of(config.url));
  if (!is_file_name(config.name)) fields.complain("name", "must be up to 64 letters, digits, '_', '-' and '.'");
  read_samples(fields, config);
  read_place(fields, config);
  refuse_others(fields);
  note_others(fields, where, config);
  Result<void> parts;
  read_part(fields, where, "basic_auth", read_basic_auth, config, parts);
  read_part(fields, where, "authorization", read_authorization, config, parts);
  read_part(fields, where, "tls_config", read_tls, config, parts);
  read_part(fields, where, "queue_config", read_queue, config, parts);
  if (!config.username.empty() && !config.auth_scheme.empty())
    fields.complain("authorization", "says who we are, and so does basic_auth; give only one of them");
  if (auto fine = fields.finish(); !fine) return unexpected(fine.error());
  if (!parts) return unexpected(parts.error());
  return config;
}

std::string line_of(const Node& node) { return node.line > 0 ? "line " + std::to_string(node.line) + ": " : ""; }

// Two that share a queue would send each other's samples.
Result<void> check_apart(const RemoteWriteConfig& one, const RemoteWriteConfig& other, const Node& node,
                         const std::string& where) {
  if (one.name == other.name)
    return fail(line_of(node) + where + ".name: '" + one.name + "' is an earlier one's; give each a name of its own");
  if (!one.queue_directory.empty() && one.queue_directory == other.queue_directory)
    return fail(line_of(node) + where + ".queue_directory: '" + one.queue_directory +
                "' is an earlier one's; give each a directory of its own");
  return {};
}

}  // namespace

std::string tidy_path(std::string_view path) {
  std::string tidy;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (!part.empty() && part != ".") (tidy += at == 0 ? "" : "/") += part;
    at = end + 1;
  }
  return tidy.empty() ? "/" : tidy;
}

Result<std::vector<RemoteWriteConfig>> parse_remote_write(std::span<const Node> section) {
  std::vector<RemoteWriteConfig> all;
  if (section.size() > kMostRemotes)
    return fail(line_of(section[kMostRemotes]) + "remote_write has more than 16 entries");
  for (const Node& node : section) {
    const std::string where = "remote_write[" + std::to_string(all.size()) + "]";
    auto config = read_remote(node, where);
    if (!config) return unexpected(config.error());
    for (const RemoteWriteConfig& earlier : all) {
      if (auto fine = check_apart(earlier, *config, node, where); !fine) return unexpected(fine.error());
    }
    all.push_back(std::move(*config));
  }
  return all;
}

}  // namespace plimsoll::exporter
