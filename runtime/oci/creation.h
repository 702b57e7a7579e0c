// SPDX-License-Identifier: Apache-2.0
// The making of a container, for `create` and `run`: checked bundle, directory, cgroup, filter, processes, state, in
// this order; whatever fails undoes what was made before it.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "runtime/isolate/launch.h"
#include "runtime/oci/bundle.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/notify_socket.h"
#include "runtime/oci/program_io.h"
#include "runtime/seccomp/compile.h"

namespace plimsoll::oci {

struct CreationOptions {
  std::string bundle = ".", config = "config.json";
  std::string pid_file, pidfd_socket;
  IoOptions io;
  int preserve_fds = 0;
  bool no_pivot = false, no_new_keyring = false;
  bool waits_for_start = false;  // `create`
};

class Creation {
 public:
  Creation(Context& context, std::string_view id, const CreationOptions& options)
      : context_(context), id_(id), options_(options) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  // On success the container is there and stays.
  std::variant<isolate::Launched, isolate::LaunchError> run();
  // The end of a container that run() has made, without looking it up again: what `delete` does. One that somebody else
  // has deleted is fine.
  Result<void> destroy();
  bool has_poststart_hooks() const { return !record_.poststart.empty(); }
  // Where the program says that it is ready; invalid when nobody wants to know, or `start` is to listen.
  NotifySocket& notify() { return notify_; }
  // Of a program in the foreground with a terminal; invalid otherwise.
  UniqueFd take_terminal() { return io_->take_terminal(); }

 private:
  Result<void> check();
  Result<void> prepare();
  Result<void> prepare_filter();
  Result<void> write_filter();
  isolate::LoadedFilter loaded_filter() const;
  Result<void> prepare_socket();
  Result<void> prepare_notification();
  void show_output();
  Result<void> connect_sockets();
  void fill_record();
  isolate::LaunchSpec launch_spec();
  isolate::LaunchHooks hooks();
  Result<void> configure(pid_t pid);
  Result<void> run_early_hooks(pid_t pid);
  Result<void> finish(isolate::Launched& launched);
  isolate::LaunchError undo(isolate::LaunchError error);

  Context& context_;
  std::string id_;
  CreationOptions options_;
  Bundle bundle_;
  Record record_;
  std::optional<ProgramIo> io_;
  NotifySocket notify_;
  std::vector<int> preserved_fds_;
  seccomp::Filter filter_;
  UniqueFd exec_stub_, start_socket_, pidfd_socket_;
  std::optional<NewDirectory> directory_;
  std::optional<NewCgroup> cgroup_;  // goes before the directory
  bool with_program_ = true;         // false: config.json has no process, only `create` takes that
  bool recorded_ = false;            // others may know it
  bool launched_ = false;            // hooks may have run
};

}  // namespace plimsoll::oci
