// SPDX-License-Identifier: Apache-2.0
// What a new user namespace maps when its configuration says nothing.
#include "runtime/oci/id_mappings.h"

#include <gtest/gtest.h>

#include "temp_tree.h"

namespace plimsoll::oci {
namespace {

std::string text_of(const spec::IdMappings& mappings) {
  std::string text;
  for (const spec::IdMapping& one : mappings) {
    text += std::to_string(one.container_id) + " " + std::to_string(one.host_id) + " " + std::to_string(one.size) + ";";
  }
  return text;
}

TEST(OciIdMappings, RootKeepsTheIdsThatItHas) {
  EXPECT_EQ(text_of(same_ids("         0          0 4294967295\n")), "0 0 4294967295;");
  EXPECT_EQ(text_of(same_ids("0 1000 1\n1 100000 65536\n")), "0 0 1;1 1 65536;");
  EXPECT_EQ(text_of(same_ids("")), "");
  EXPECT_EQ(text_of(same_ids("0 0\nx 0 1\n5 0 4294967296\n7 0 2")), "7 7 2;");
}

TEST(OciIdMappings, AUserBecomesRoot) {
  EXPECT_EQ(text_of(subordinate_ids(1000, "", 1000, "ann")), "0 1000 1;");
  EXPECT_EQ(text_of(subordinate_ids(1000, "bob:1:2\nann:100000:65536\n1000:300000:10\n", 1000, "ann")),
            "0 1000 1;1 100000 65536;65537 300000 10;");
  EXPECT_EQ(text_of(subordinate_ids(50, "1000:300000:10\n", 1000, "")), "0 50 1;1 300000 10;") << "a group's own id";
}

TEST(OciIdMappings, LinesThatAreNoneArePassedOver) {
  EXPECT_EQ(text_of(subordinate_ids(7, "7\n7:1\n7:x:1\n7:5:0\n7:5:4294967295\n:9:9\n7:8:1", 7, "")), "0 7 1;1 8 1;");
}

TEST(OciIdMappings, OnlyWhatIsLeftOpenIsFilled) {
  test::TempTree tree{{"self/uid_map", "0 0 4294967295\n"}, {"self/gid_map", "0 0 100\n"}};
  HostRoots host;
  host.proc = tree.path();
  spec::Spec spec;
  ASSERT_TRUE(complete_id_mappings(spec, host));
  EXPECT_TRUE(spec.uid_mappings.empty()) << "no user namespace";
  spec.namespaces = {{spec::NamespaceType::kUser, "/proc/1/ns/user"}};
  ASSERT_TRUE(complete_id_mappings(spec, host));
  EXPECT_TRUE(spec.uid_mappings.empty()) << "joined";
  spec.namespaces = {{spec::NamespaceType::kUser, ""}};
  ASSERT_TRUE(complete_id_mappings(spec, host));
  ASSERT_FALSE(spec.uid_mappings.empty());
  EXPECT_EQ(spec.uid_mappings[0].container_id, 0U);
  spec.uid_mappings = {{0, 5, 1}};
  ASSERT_TRUE(complete_id_mappings(spec, host));
  EXPECT_EQ(text_of(spec.uid_mappings), "0 5 1;");
}

}  // namespace
}  // namespace plimsoll::oci
