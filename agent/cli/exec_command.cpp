// SPDX-License-Identifier: Apache-2.0
// plimsoll exec: a further program inside a running container. This command is its parent; its
// output does not go to the container's log.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <variant>

#include "agent/cli/attach.h"
#include "agent/cli/options.h"
#include "agent/cli/run_options.h"
#include "agent/cli/session.h"
#include "agent/command.h"
#include "runtime/container/defaults.h"
#include "runtime/container/process.h"
#include "runtime/isolate/exec_stub.h"
#include "runtime/isolate/launch.h"
#include "runtime/seccomp/default_filter.h"

namespace plimsoll::agent {
namespace {

constexpr int kExecFailed = 126;  // as Docker: the container is there, the program cannot be run in it

struct ExecWords {
  bool detach = false, interactive = false, tty = false;
  std::vector<std::string> env, command;  // command: the container first
  std::string workdir;
};

struct Pipe {
  UniqueFd reading, writing;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Input that ends at once.
Result<Pipe> open_null() {
  UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return fail_errno("/dev/null");
  return Pipe{std::move(null), UniqueFd()};
}

UniqueFd copy_of(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return kExecFailed;
  }
  return container::exit_code_of(status);
}

int report(const isolate::LaunchError& failure) { return complain(failure.exit_code, failure.error.message()); }

int run_detached(isolate::JoinSpec spec) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int& stream : spec.stdio) stream = null.get();
  auto joined = isolate::join(spec);
  if (auto* failure = std::get_if<isolate::LaunchError>(&joined)) return report(*failure);
  return 0;
}

int run_attached(isolate::JoinSpec spec, bool interactive) {
  auto signals = take_signals();
  auto in = interactive ? make_pipe() : open_null();
  auto out = make_pipe(), err = make_pipe();
  if (!signals || !in || !out || !err)
    return complain(kExecFailed, "no descriptors left: raise the limit of open files");
  spec.stdio[0] = in->reading.get();
  spec.stdio[1] = out->writing.get();
  spec.stdio[2] = err->writing.get();
  auto joined = isolate::join(spec);
  if (auto* failure = std::get_if<isolate::LaunchError>(&joined)) return report(*failure);
  const isolate::Launched& program = std::get<isolate::Launched>(joined);
  for (UniqueFd* theirs : {&in->reading, &out->writing, &err->writing}) theirs->reset();
  ::fcntl(in->writing.get(), F_SETFL, O_NONBLOCK);
  Relay input(copy_of(STDIN_FILENO), std::move(in->writing));
  Relay output(std::move(out->reading), copy_of(STDOUT_FILENO)),
      errors(std::move(err->reading), copy_of(STDERR_FILENO));
  Attachment attachment;
  attachment.signals = &*signals;
  attachment.pass_on = [&](int signal) { (void)container::send_signal(program.pidfd, signal).has_value(); };
  attachment.insist = [&] { (void)container::send_signal(program.pidfd, SIGKILL).has_value(); };
  attachment.relays = {&output, &errors};
  if (interactive) attachment.relays.push_back(&input);
  // Of an output that nobody reads the program itself gets to know: its relay closes the pipe.
  (void)attend(attachment, program.pidfd.get(), -1);
  output.finish();
  errors.finish();
  return reap(program.pid);
}

int exec_in(const container::Engine& engine, const ExecWords& words) {
  auto container = find(engine, words.command[0]);
  if (!container) return complain(1, container.error().message());
  auto init = open_init(engine, *container);
  if (!init) return complain(1, init.error().message());
  auto group = limits::OwnCgroup::open(engine.layout, container->config.cgroup_path);
  if (!group) return complain(kExecFailed, group.error().message());
  auto member = group->contains(container->state.pid);
  if (!member || !*member) return complain(kExecFailed, "container " + words.command[0] + " has ended");
  std::vector<std::string> env = container->config.env;
  for (const auto& assignment : words.env) {
    if (auto added = add_env(env, assignment); !added) return complain(kExecFailed, added.error().message());
  }
  const spec::Process process =
      container::exec_process({words.command.begin() + 1, words.command.end()}, std::move(env),
                              words.workdir.empty() ? container->config.cwd : words.workdir);
  isolate::JoinSpec spec;
  spec.process = &process;
  spec.pid = container->state.pid;
  spec.pidfd = init->get();
  spec.namespaces = container::entered_namespaces();
  spec.group = &*group;
  spec.filter.program = seccomp::default_filter();
  auto stub = isolate::secure_executable(spec.filter, engine.host.proc);
  if (!stub) return complain(kExecFailed, stub.error().message());
  spec.exec_stub = stub->get();
  spec.proc = engine.host.proc;
  return words.detach ? run_detached(std::move(spec)) : run_attached(std::move(spec), words.interactive);
}

}  // namespace

int exec_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  ExecWords words;
  Options options("exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Runs a further program in a running container.");
  options.flag("-d,--detach", words.detach, "Do not wait for it; its output is lost");
  options.flag("-i,--interactive", words.interactive, "Connect standard input");
  options.values("-e,--env", words.env, "K=V", "Environment variable besides the container's");
  options.value("-w,--workdir", words.workdir, "DIR", "Working directory; default the container's");
  options.flag("-t,--tty", words.tty, "Not supported yet");
  options.command_words(words.command, 2);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  if (words.tty) return complain(1, "exec: --tty is not supported yet: leave -t out");
  if (!words.workdir.empty() && !words.workdir.starts_with('/')) {
    return complain(1, "exec: --workdir '" + words.workdir + "' is not absolute: begin it with '/'");
  }
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  const int exit_code = exec_in(*engine, words);
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
