// SPDX-License-Identifier: Apache-2.0
// The flags about clients: how many, how they connect, under which address they see the agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/settings/agent_options.h"

namespace plimsoll::agent {
namespace {

using testing::HasSubstr;

Result<ParsedAgentOptions> parse(const std::vector<std::string>& arguments) {
  return parse_agent_options(arguments, {});
}

AgentOptions parsed(const std::vector<std::string>& arguments) {
  auto result = parse(arguments);
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? result->options : AgentOptions{};
}

std::string error_of(const std::vector<std::string>& arguments) {
  const auto result = parse(arguments);
  EXPECT_FALSE(result);
  return result ? "" : result.error().message();
}

TEST(WebLimits, HaveDefaults) {
  const WebLimits web = parsed({}).web;
  EXPECT_EQ(web.requests, 20u) << "four connections are left for other pages";
  EXPECT_EQ(web.connections, 24u);
  EXPECT_EQ(web.per_client, 12u);
  EXPECT_FALSE(web.keep_alive);
  EXPECT_FALSE(web.external_path);
}

TEST(WebLimits, AreTaken) {
  const WebLimits web = parsed({"--web.max-requests=0", "--web.max-connections=64", "--web.max-connections-per-client",
                                "64", "--web.keep-alive"})
                            .web;
  EXPECT_EQ(web.requests, 0u);
  EXPECT_EQ(web.connections, 64u);
  EXPECT_EQ(web.per_client, 64u);
  EXPECT_TRUE(web.keep_alive);
  EXPECT_EQ(parsed({"--web.max-connections=64"}).web.per_client, 32u) << "half";
  EXPECT_EQ(parsed({"--web.max-connections=1"}).web.per_client, 1u);
}

TEST(WebLimits, ScrapesLeaveConnectionsForOtherPages) {
  const std::pair<const char*, size_t> cases[] = {{"1", 1}, {"4", 1}, {"5", 1}, {"6", 2}, {"44", 40}, {"1024", 40}};
  for (const auto& [connections, requests] : cases)
    EXPECT_EQ(parsed({"--web.max-connections", connections}).web.requests, requests) << connections;
  EXPECT_EQ(parsed({"--web.max-connections=4", "--web.max-requests=30"}).web.requests, 30u) << "as the user wants it";
}

TEST(WebLimits, NameWhatIsWrong) {
  EXPECT_THAT(error_of({"--web.max-requests=many"}), HasSubstr("--web.max-requests: 'many' is no number from 0"));
  EXPECT_THAT(error_of({"--web.max-connections=0"}), HasSubstr("'0' is no number from 1 to 1024"));
  EXPECT_THAT(error_of({"--web.max-connections=1025"}), HasSubstr("'1025' is no number from 1 to 1024"));
  EXPECT_THAT(error_of({"--web.max-connections=8", "--web.max-connections-per-client=9"}),
              HasSubstr("--web.max-connections-per-client: '9' is no number from 1 to 8"));
}

TEST(ExternalUrl, ItsPathIsTheDefaultPrefix) {
  const std::pair<const char*, const char*> cases[] = {
      {"http://h", ""}, {"https://h:8443/", ""}, {"http://h/a/b/", "/a/b"}, {"https://[::1]:80/a", "/a"}};
  for (const auto& [url, path] : cases) {
    const AgentOptions options = parsed({"--web.external-url", url});
    EXPECT_EQ(options.web.external_path, path) << url;
    EXPECT_EQ(options.route_prefix, path) << url;
  }
}

TEST(ExternalUrl, APrefixThatIsGivenStays) {
  const AgentOptions options = parsed({"--web.external-url=http://h/a", "--web.route-prefix=/b"});
  EXPECT_EQ(options.web.external_path, "/a");
  EXPECT_EQ(options.route_prefix, "/b");
  EXPECT_EQ(parsed({"--web.external-url=http://h/a", "--web.route-prefix=/"}).route_prefix, "");
}

TEST(ExternalUrl, NamesWhatIsWrong) {
  for (const char* url : {"h/a", "ftp://h/", "http:///a", "http://h?x", "http://u:p@h/", "'http://h/'", "http://h/#a"})
    EXPECT_THAT(error_of({"--web.external-url", url}), HasSubstr("is no address such as https://")) << url;
  EXPECT_THAT(error_of({"--web.external-url=http://h/a/../b"}), HasSubstr("--web.external-url: '/a/../b' is no path"));
}

}  // namespace
}  // namespace plimsoll::agent
