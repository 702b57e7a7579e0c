// SPDX-License-Identifier: Apache-2.0
// The flags about what is left out of every page: families, series, labels of containers.
#pragma once

#include <string>
#include <vector>

#include "agent/filter/rules.h"
#include "base/result.h"
#include "collectors/container/labels.h"

namespace CLI {
class App;
}

namespace plimsoll::agent {

struct RuleFlagWords {
  RuleWords rules;
  std::vector<std::string> label_allow, label_deny;  // lists of patterns
};

void declare_rule_flags(CLI::App& app, RuleFlagWords& words);

// Checks the rules, and adds those of labels to `labels`. Error: flag, what is wrong.
Result<void> apply_rule_flags(const RuleFlagWords& words, collectors::container::LabelPolicy& labels);

}  // namespace plimsoll::agent
