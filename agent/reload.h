// SPDX-License-Identifier: Apache-2.0
// Reading the configuration again while the agent runs: SIGHUP, POST /-/reload.
//
// The command line of the start and the file it names are parsed anew, and every part that has something to read
// prepares the change. Only when all of them could does any take effect; else all stays as it was. A flag that no
// part takes live keeps its old value, and the log names it once for each change.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/failure_log.h"
#include "agent/settings/agent_options.h"
#include "base/result.h"

namespace plimsoll::agent {

using GivenFlags = std::map<std::string, std::vector<std::string>>;  // as in ParsedAgentOptions

class Reloader {
 public:
  // Reads what there is to read and returns what makes it hold, which cannot fail.
  using Commit = std::function<void()>;
  using Prepare = std::function<Result<Commit>(const AgentOptions& next)>;
  using Parse = std::function<Result<ParsedAgentOptions>()>;

  // `running`: what the agent was started with. The sinks are for the log.
  Reloader(Parse parse, GivenFlags running, FailureLog::Sink info, FailureLog::Sink warn);

  // Before the first reload. `flags`: those that this part takes live; one that ends in '.' stands for all
  // that begin so. The part is asked when one of them is different; one without flags reads something else, and is
  // asked at each reload. Parts prepare in the order in which they were added; one that changes something while it
  // prepares must be the last.
  void add(std::vector<std::string> flags, Prepare prepare);
  // Flags that have no effect: there is nothing to do when they are different.
  void ignore(const std::vector<std::string>& flags);

  // Thread-safe; one at a time. Error: why all has stayed as it was; it is in the log already.
  Result<void> reload();
  // Told of each reload, and how it went.
  void on_reload(std::function<void(bool successful)> told) { told_ = std::move(told); }

 private:
  struct Part {
    std::vector<std::string> flags;
    Prepare prepare;
  };

  Result<void> try_reload();
  Result<std::vector<Commit>> prepare(const AgentOptions& next, const std::vector<std::string>& changed) const;
  bool is_live(const std::string& flag) const;
  void take_over(const GivenFlags& next, const std::vector<std::string>& changed);

  std::mutex mutex_;
  Parse parse_;
  GivenFlags running_;  // what holds now
  GivenFlags waiting_;  // for a restart, and the log has said so
  FailureLog::Sink info_, warn_;
  std::vector<Part> parts_;
  std::vector<std::string> ignored_;
  std::function<void(bool)> told_;
};

}  // namespace plimsoll::agent
