// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/cadvisor_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

namespace plimsoll::agent {
namespace {

enum class Takes : uint8_t { kValue, kNothing };
enum class Fate : uint8_t { kIgnored, kRefused };

struct Flag {
  std::string_view name;
  std::string_view reason;
  Takes takes = Takes::kValue;
  Fate fate = Fate::kIgnored;
};

constexpr std::string_view kNoHousekeeping = "there is no housekeeping: counters are read at each scrape";
constexpr std::string_view kNoStorage = "nothing is stored or pushed: Prometheus fetches, and can write to elsewhere";
constexpr std::string_view kNoEvents = "no list of events is kept: how a container ended stays in its own series";
constexpr std::string_view kNoFiles = "the log goes to standard error; see --log.level and --log.format";
constexpr std::string_view kNoLevels = "see --log.level";
constexpr std::string_view kNoApp = "metrics of applications are not collected; let Prometheus scrape them";
constexpr std::string_view kNoTls = "only a local socket is asked, see --docker";
constexpr std::string_view kNoAuth =
    "its format is not read; put the users, with bcrypt hashes, below basic_auth_users in the file of "
    "--web.config.file";
constexpr std::string_view kNoRealm = "users come from --web.config.file, which has no realms";
constexpr std::string_view kNoMesos = "Mesos is not looked for";
constexpr std::string_view kAsKernelSays =
    "it is read where the system keeps it, below --path.rootfs and --path.procfs";

constexpr Flag kFlags[] = {
    {"housekeeping_interval", kNoHousekeeping},
    {"max_housekeeping_interval", kNoHousekeeping},
    {"allow_dynamic_housekeeping", kNoHousekeeping, Takes::kNothing},
    {"global_housekeeping_interval", kNoHousekeeping},
    {"initial_splay_factor", kNoHousekeeping},
    {"jitter_factor", kNoHousekeeping},
    {"update_machine_info_interval", "the machine is read at each scrape"},
    {"referenced_read_interval", kNoHousekeeping},
    {"referenced_reset_interval", "the kernel's marks of referenced pages are never cleared here"},
    {"resctrl_interval", "resctrl is not offered"},
    {"perf_events_config", "hardware counters are not offered"},
    {"storage_driver", kNoStorage},
    {"storage_duration", kNoStorage},
    {"storage_driver_buffer_duration", kNoStorage},
    {"storage_driver_db", kNoStorage},
    {"storage_driver_host", kNoStorage},
    {"storage_driver_user", kNoStorage},
    {"storage_driver_password", kNoStorage},
    {"storage_driver_secure", kNoStorage, Takes::kNothing},
    {"storage_driver_table", kNoStorage},
    {"storage_driver_influxdb_retention_policy", kNoStorage},
    {"storage_driver_es_enable_sniffer", kNoStorage, Takes::kNothing},
    {"storage_driver_es_host", kNoStorage},
    {"storage_driver_es_index", kNoStorage},
    {"storage_driver_es_type", kNoStorage},
    {"storage_driver_kafka_broker_list", kNoStorage},
    {"storage_driver_kafka_ssl_ca", kNoStorage},
    {"storage_driver_kafka_ssl_cert", kNoStorage},
    {"storage_driver_kafka_ssl_key", kNoStorage},
    {"storage_driver_kafka_ssl_verify", kNoStorage, Takes::kNothing},
    {"storage_driver_kafka_topic", kNoStorage},
    {"bq_account", kNoStorage},
    {"bq_credentials_file", kNoStorage},
    {"bq_id", kNoStorage},
    {"bq_project_id", kNoStorage},
    {"bq_secret", kNoStorage},
    {"event_storage_age_limit", kNoEvents},
    {"event_storage_event_limit", kNoEvents},
    {"application_metrics_count_limit", kNoApp},
    {"collector_cert", kNoApp},
    {"collector_key", kNoApp},
    {"container_hints", "interfaces are found by network namespace, without hints"},
    {"containerd",
     "the state directories of containerd are read, its socket is not asked; see --path.containerd-state"},
    {"containerd-namespace", "the containers of all namespaces are read"},
    {"podman", "the files of Podman are read, its socket is not asked; see --path.podman-root"},
    {"crio_client_timeout", "the files of CRI-O are read, its socket is not asked"},
    {"mesos_agent", kNoMesos},
    {"mesos_agent_timeout", kNoMesos},
    {"docker-tls", kNoTls, Takes::kNothing},
    {"docker-tls-ca", kNoTls},
    {"docker-tls-cert", kNoTls},
    {"docker-tls-key", kNoTls},
    {"machine_id_file", kAsKernelSays},
    {"boot_id_file", kAsKernelSays},
    {"max_procs", "a collection runs on one thread; bound the agent by its cgroup"},
    {"profiling", "no profile is served", Takes::kNothing},
    {"log_cadvisor_usage", "what the agent uses is in process_* and plimsoll_*", Takes::kNothing},
    {"logtostderr", kNoFiles, Takes::kNothing},
    {"alsologtostderr", kNoFiles, Takes::kNothing},
    {"log_dir", kNoFiles},
    {"log_file", kNoFiles},
    {"log_file_max_size", kNoFiles},
    {"log_backtrace_at", kNoFiles},
    {"add_dir_header", kNoFiles, Takes::kNothing},
    {"skip_headers", kNoFiles, Takes::kNothing},
    {"skip_log_headers", kNoFiles, Takes::kNothing},
    {"one_output", kNoFiles, Takes::kNothing},
    {"stderrthreshold", kNoLevels},
    {"v", kNoLevels},
    {"vmodule", kNoLevels},
    {"http_auth_realm", kNoRealm},
    {"http_digest_realm", kNoRealm},
    {"http_auth_file", kNoAuth, Takes::kValue, Fate::kRefused},
    {"http_digest_file", kNoAuth, Takes::kValue, Fate::kRefused},
};

struct Heeded {
  std::string_view name;
  std::string_view remark;
};

constexpr Heeded kHeeded[] = {
    {"port", "here 1876 unless given"},
    {"listen_ip", "one address with --port"},
    {"prometheus_endpoint", "the halves are at ENDPOINT/cadvisor and ENDPOINT/node"},
    {"url_base_prefix", "the same as --web.route-prefix; also before /healthz"},
    {"disable_metrics", "replaces the list of what is off; pids, sockets and delays, which cAdvisor has not, stay"},
    {"enable_metrics", "only these; wins over --disable_metrics"},
    {"enable_load_reader", "turns on the kind cpuLoad"},
    {"docker_only", "containers of every engine, and \"/\""},
    {"raw_cgroup_prefix_whitelist", "of the groups that are no containers, those below these paths"},
    {"disable_root_cgroup_stats", "no series of \"/\""},
    {"store_container_labels", "off unless given: labels are on container_info"},
    {"whitelisted_container_labels", "these labels on every series"},
    {"env_metadata_whitelist", "variables whose names begin so, on every series"},
    {"docker_env_metadata_whitelist", "the same"},
    {"containerd_env_metadata_whitelist", "the same"},
    {"docker", "not asked unless given: Docker's files on disk are read; unix:// only"},
    {"docker_root", "where Docker keeps its files"},
    {"version", "prints the version"},
};

std::string option_names(const Flag& flag) {
  const std::string name(flag.name);
  return (name.size() == 1 ? "-" + name + "," : "") + "--" + name;
}

void append_line(std::string& text, std::string_view name, std::string_view what) {
  constexpr size_t kColumn = 44;
  std::string line = "  --" + std::string(name);
  line.resize(std::max(line.size() + 1, kColumn), ' ');
  text.append(line).append(what).append("\n");
}

}  // namespace

// An empty group keeps them out of the list of options.
void declare_cadvisor_flags(CLI::App& app) {
  for (const Flag& flag : kFlags) {
    CLI::Option* const option =
        flag.takes == Takes::kNothing ? app.add_flag(option_names(flag)) : app.add_option(option_names(flag));
    option->group("")->take_last();
  }
}

Result<std::vector<std::string>> cadvisor_notices(const CLI::App& app) {
  std::vector<std::string> notices;
  for (const Flag& flag : kFlags) {
    const std::string name = "--" + std::string(flag.name);
    const CLI::Option& option = *app.get_option(name);
    if (option.count() == 0) continue;
    const std::string reason(flag.reason);
    if (flag.fate == Fate::kRefused && !option.results().back().empty()) return fail(name + ": " + reason);
    notices.push_back(name + " has no effect: " + reason);
  }
  return notices;
}

std::string cadvisor_help() {
  std::string text = "Flags of cAdvisor that are heeded:\n";
  for (const Heeded& flag : kHeeded) append_line(text, flag.name, flag.remark);
  text += "\nAccepted without effect, with a line in the log that says why:\n";
  for (const Flag& flag : kFlags) {
    if (flag.fate == Fate::kIgnored) append_line(text, flag.name, flag.reason);
  }
  text += "\nRefused:\n";
  for (const Flag& flag : kFlags) {
    if (flag.fate == Fate::kRefused) append_line(text, flag.name, flag.reason);
  }
  return text;
}

std::vector<std::string> cadvisor_flag_names() {
  std::vector<std::string> names;
  for (const Heeded& flag : kHeeded) names.emplace_back(flag.name);
  for (const Flag& flag : kFlags) names.emplace_back(flag.name);
  return names;
}

std::vector<std::string> cadvisor_flags_without_effect() {
  std::vector<std::string> flags;
  for (const Flag& flag : kFlags) flags.push_back("--" + std::string(flag.name));
  return flags;
}

}  // namespace plimsoll::agent
