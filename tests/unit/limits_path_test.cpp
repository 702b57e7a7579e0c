// SPDX-License-Identifier: Apache-2.0
// cgroupsPath in both its forms.
#include "runtime/limits/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::limits {
namespace {

using testing::HasSubstr;

TEST(CgroupPath, IsAbsoluteForEveryCaller) {
  EXPECT_EQ(*absolute_cgroup_path("", "web"), "/plimsoll-oci-web");
  EXPECT_EQ(*absolute_cgroup_path("/a/b", "web"), "/a/b");
  EXPECT_EQ(*absolute_cgroup_path("a/b", "web"), "/a/b");
  EXPECT_EQ(*absolute_cgroup_path("//a/./b/", "web"), "/a/b");
  EXPECT_EQ(*absolute_cgroup_path("/a/..b", "web"), "/a/..b");
}

TEST(CgroupPath, UpwardsAndTheRootAreRefused) {
  for (const char* path : {"..", "/..", "/a/../b", "a/..", "/", "./", "/a\nb"}) {
    auto refused = absolute_cgroup_path(path, "web");
    ASSERT_FALSE(refused) << path;
    EXPECT_THAT(refused.error().message(), HasSubstr("cgroupsPath")) << path;
  }
}

TEST(ExpandSlice, DashesAreLevels) {
  EXPECT_EQ(*expand_slice("a.slice"), "/a.slice");
  EXPECT_EQ(*expand_slice("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
  EXPECT_EQ(*expand_slice("-.slice"), "");
  for (const char* slice : {"", ".slice", "a", "a/b.slice", "-a.slice", "a-.slice", "a--b.slice", "a.scope"}) {
    EXPECT_FALSE(expand_slice(slice)) << slice;
  }
}

TEST(SystemdPath, PartsAndPlace) {
  auto path = parse_systemd_path("machine-a.slice:docker:1234", "web", false);
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(path->slice, "machine-a.slice");
  EXPECT_EQ(path->unit(), "docker-1234.scope");
  EXPECT_EQ(path->cgroup_path(), "/machine.slice/machine-a.slice/docker-1234.scope");
  EXPECT_EQ(parse_systemd_path("a.slice::1234", "web", false)->unit(), "1234.scope");
  EXPECT_EQ(parse_systemd_path("-.slice:p:n", "web", false)->cgroup_path(), "/p-n.scope");
  EXPECT_EQ(parse_systemd_path("a.slice::a-b.slice", "web", false)->unit(), "a-b.slice");
}

TEST(SystemdPath, WhatIsMissingIsFilledIn) {
  EXPECT_EQ(parse_systemd_path(":p:n", "web", false)->slice, "system.slice");
  EXPECT_EQ(parse_systemd_path(":p:n", "web", true)->slice, "user.slice");
  auto path = parse_systemd_path("", "web", false);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->cgroup_path(), "/system.slice/plimsoll-oci-web.scope");
}

TEST(SystemdPath, OtherFormsAreRefused) {
  for (const char* path :
       {"/a/b", "a.slice:b", "a.slice:b:c:d", "a.slice:b:", "a:b:c", "a.slice:b/c:d", "a.slice:b:c\n"}) {
    EXPECT_FALSE(parse_systemd_path(path, "web", false)) << path;
  }
}

}  // namespace
}  // namespace plimsoll::limits
