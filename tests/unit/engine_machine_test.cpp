// SPDX-License-Identifier: Apache-2.0
// collectors/engine/machine.cpp: LXC and systemd-nspawn by the names of their groups.
#include <gtest/gtest.h>

#include "collectors/engine/source.h"

namespace plimsoll::engine {
namespace {

struct Case {
  const char* path;
  const char* engine;  // "" = nobody's
  const char* name;
};

class Machine : public testing::TestWithParam<Case> {};

TEST_P(Machine, ByName) {
  const auto identity = make_machine_source({})->identify({.path = GetParam().path, .hex = "", .pid = 1});
  ASSERT_EQ(identity.has_value(), *GetParam().engine != '\0');
  if (!identity) return;
  EXPECT_EQ(identity->engine, GetParam().engine);
  EXPECT_EQ(identity->name, GetParam().name);
  EXPECT_EQ(identity->id, GetParam().name);
  EXPECT_EQ(identity->image, "");
  EXPECT_TRUE(identity->settled);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, Machine,
    testing::Values(
        Case{"/lxc.payload.web", "lxc", "web"}, Case{"/lxc.payload.web.example.com", "lxc", "web.example.com"},
        Case{"/lxc.payload/web", "lxc", "web"}, Case{"/lxc/101", "lxc", "101"}, Case{"/lxc", "", ""},
        Case{"/lxc/", "", ""}, Case{"/lxc.payload.", "", ""}, Case{"/lxc.payload", "", ""},
        Case{"/lxc.monitor.web", "", ""}, Case{"/lxc.monitor/web", "", ""}, Case{"/lxc.payload.web/init.scope", "", ""},
        Case{"/lxc/101/ns", "", ""}, Case{"/lxc.payload.web/lxc.payload.inner", "", ""}, Case{"/other/lxc/101", "", ""},
        Case{"/machine.slice/machine-box.scope", "nspawn", "box"},
        Case{"/machine.slice/machine-my\\x2dbox.scope", "nspawn", "my-box"},
        Case{"/machine.slice/systemd-nspawn@box.service", "nspawn", "box"},
        Case{"/machine.slice/systemd-nspawn@my\\x2dbox.service", "nspawn", "my-box"},
        Case{"/machine.slice/machine-box.scope/payload", "", ""},
        Case{"/machine.slice/machine-qemu\\x2d1\\x2dguest.scope", "", ""},
        Case{"/machine.slice/machine-lxc\\x2d42\\x2dguest.scope", "", ""},
        Case{"/machine.slice/machine-qemu\\x2dbox.scope", "nspawn", "qemu-box"},
        Case{"/machine.slice/machine-.scope", "", ""}, Case{"/machine.slice/machine-a\\x2.scope", "", ""},
        Case{"/machine.slice/machine-a\\x2f.scope", "", ""}, Case{"/machine.slice/machine-a\\x00.scope", "", ""},
        Case{"/machine.slice/machine-a\\y.scope", "", ""}, Case{"/machine.slice/machine-a\\", "", ""},
        Case{"/machine.slice/libpod-box.scope", "", ""}, Case{"/", "", ""}, Case{"", "", ""}));

TEST(MachineNames, AreBounded) {
  const std::string long_name = "/lxc.payload." + std::string(256, 'n');
  EXPECT_FALSE(make_machine_source({})->identify({.path = long_name, .hex = "", .pid = 1}));
  EXPECT_TRUE(make_machine_source({})->identify(
      {.path = std::string_view(long_name).substr(0, 13 + 255), .hex = "", .pid = 1}));
}

}  // namespace
}  // namespace plimsoll::engine
