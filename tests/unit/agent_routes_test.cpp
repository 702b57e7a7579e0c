// SPDX-License-Identifier: Apache-2.0
// Where the agent's pages are, and how long a collection may take for them.
#include "agent/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/deadline.h"

namespace plimsoll::agent {
namespace {

using exporter::Request;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr int64_t kNow = 1'000'000'000'000;
constexpr int64_t kSecond = 1'000'000'000;

TEST(ScrapeDeadline, IsTheTimeoutLessTheOffset) {
  EXPECT_EQ(scrape_deadline("10", 500ms, kNow), kNow + 9'500'000'000);
  EXPECT_EQ(scrape_deadline("10.000000", 0ns, kNow), kNow + 10 * kSecond);
  EXPECT_EQ(scrape_deadline(" 1.5 ", 500ms, kNow), kNow + kSecond);
  EXPECT_EQ(scrape_deadline("86400", 0ns, kNow), kNow + 86'400 * kSecond);
}

TEST(ScrapeDeadline, IsHalfTheTimeoutAtLeast) {
  EXPECT_EQ(scrape_deadline("1", 500ms, kNow), kNow + kSecond / 2);
  EXPECT_EQ(scrape_deadline("0.5", 500ms, kNow), kNow + kSecond / 4);
  EXPECT_EQ(scrape_deadline("10", 1h, kNow), kNow + 5 * kSecond);
  EXPECT_EQ(scrape_deadline("1e-9", 1h, kNow), kNow);
}

TEST(ScrapeDeadline, IgnoresEverythingElse) {
  const std::string longest(10'000, '1');
  for (const std::string& text : {std::string(), std::string("0"), std::string("-1"), std::string("ten"),
                                  std::string("10s"), std::string("nan"), std::string("inf"), std::string("1e300"),
                                  std::string("86401"), std::string("1 2"), std::string("\0", 1), longest})
    EXPECT_EQ(scrape_deadline(text, 500ms, kNow), INT64_MAX) << text.substr(0, 20);
}

// Writes the time it has left.
class PatientCollector : public collectors::Collector {
 public:
  explicit PatientCollector(int64_t& deadline_ns) : deadline_ns_(deadline_ns) {}
  std::string_view name() const override { return "patient"; }
  Result<void> collect(MetricWriter& writer) override {
    deadline_ns_ = writer.deadline_ns();
    writer.family("patience", "Patience.", MetricType::kGauge);
    writer.sample(1);
    return {};
  }

 private:
  int64_t& deadline_ns_;
};

class RoutesTest : public testing::Test {
 protected:
  static Collectors one(int64_t& deadline_ns) {
    Collectors list;
    list.push_back(std::make_unique<PatientCollector>(deadline_ns));
    return list;
  }
  std::string get(const std::string& path, Request request = {}) { return answer(path, request).body; }
  exporter::Response answer(const std::string& path, const Request& request) {
    const auto routes = make_routes(options, served());
    const auto route = routes.find(path);
    if (route == routes.end()) return {.status = 404, .body = "404"};
    auto response = route->second(request);
    std::string piece;
    while (response.next && response.next(piece)) response.body += piece;
    return response;
  }
  exporter::Response answer(const std::string& path, std::string_view accept, std::string_view encoding) {
    Request request;
    if (!accept.empty()) request.headers.emplace_back("accept", accept);
    if (!encoding.empty()) request.headers.emplace_back("Accept-Encoding", encoding);
    return answer(path, request);
  }
  static std::string header(const exporter::Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  // With the settings as `options` says now.
  Served served() {
    live.set(options);
    return {scraper, self, live, [this] { return reload(); }};
  }

  AgentOptions options;
  LiveSettings live{options};
  std::function<Result<void>()> reload = []() -> Result<void> { return {}; };
  int64_t node_deadline = 0, container_deadline = 0;
  SelfMetrics self{HostRoots{}, {}, {}};
  Scraper scraper{one(node_deadline), one(container_deadline), self, [](const std::string&) {},
                  [](const std::string&) {}};
};

TEST_F(RoutesTest, AreThoseOfTheNames) {
  const auto routes = make_routes(options, served());
  std::vector<std::string> paths;
  for (const auto& [path, handler] : routes) paths.push_back(path);
  EXPECT_THAT(paths, testing::UnorderedElementsAreArray(route_names(options)));
  EXPECT_THAT(get("/metrics"), HasSubstr("plimsoll_build_info"));
  EXPECT_THAT(get("/metrics/node"), HasSubstr("node_scrape_collector_success"));
  EXPECT_THAT(get("/metrics/cadvisor"), Not(HasSubstr("node_")));
  EXPECT_EQ(get("/-/ready"), "ok\n");
}

TEST_F(RoutesTest, StandBelowThePrefix) {
  options.route_prefix = "/a/b";
  for (const auto& [path, route] : make_routes(options, served())) {
    if (path == "/") continue;  // sends to the prefix
    EXPECT_THAT(path, testing::StartsWith("/a/b"));
    EXPECT_THAT(route_names(options), testing::Contains(route_name(options, path)));
  }
  EXPECT_EQ(get("/a/b/healthz"), "ok\n");
  EXPECT_EQ(get("/healthz"), "404");
  EXPECT_EQ(get("/a/b"), get("/a/b/"));
  for (const char* link :
       {"/a/b/metrics", "/a/b/metrics/node", "/a/b/metrics/cadvisor", "/a/b/healthz", "/a/b/-/ready"}) {
    EXPECT_THAT(get("/a/b/"), HasSubstr("href=\"" + std::string(link) + "\""));
    EXPECT_NE(get(link), "404");
  }
}

TEST_F(RoutesTest, TheRootSendsToThePrefix) {
  options.route_prefix = "/a/b";
  const auto routes = make_routes(options, served());
  const auto response = routes.at("/")({});
  EXPECT_EQ(response.status, 302);
  EXPECT_THAT(response.headers, ElementsAre(testing::Pair("Location", "/a/b/")));
  EXPECT_EQ(route_name(options, "/"), "") << "none of ours";
}

TEST_F(RoutesTest, LinksBeginWhereClientsSeeThem) {
  options.route_prefix = "/inside";
  options.web.external_path = "/seen";
  const auto routes = make_routes(options, served());
  EXPECT_THAT(get("/inside/"), HasSubstr("href=\"/seen/metrics/node\""));
  EXPECT_THAT(routes.at("/")({}).headers, ElementsAre(testing::Pair("Location", "/seen/")));
  options.web.external_path = "";  // a proxy that adds the prefix
  EXPECT_THAT(get("/inside/"), HasSubstr("href=\"/metrics/node\""));
}

TEST_F(RoutesTest, ScrapesAtOnceAreBounded) {
  options.web.requests = 2;
  const auto routes = make_routes(options, served());
  auto first = routes.at("/metrics")({});
  const auto second = routes.at("/metrics/node")({});
  EXPECT_EQ(second.status, 200);
  const auto third = routes.at("/metrics/cadvisor")({});
  EXPECT_EQ(third.status, 503);
  EXPECT_THAT(third.body, HasSubstr("more than 2 scrapes at once (--web.max-requests)"));
  EXPECT_EQ(routes.at("/healthz")({}).status, 200) << "no scrape";
  first = {};  // its last byte is sent
  EXPECT_EQ(routes.at("/metrics/cadvisor")({}).status, 200);
  Request wrong;
  wrong.query = "collect[]=none";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(routes.at("/metrics")(wrong).status, 400) << "gives its place back";
}

TEST_F(RoutesTest, ZeroIsNoBoundOfScrapes) {
  options.web.requests = 0;
  const auto routes = make_routes(options, served());
  std::vector<exporter::Response> held;
  for (int i = 0; i < 100; ++i) held.push_back(routes.at("/metrics")({}));
  EXPECT_EQ(held.back().status, 200);
}

TEST(AnswerTime, IsTheScrapesWithinBounds) {
  EXPECT_EQ(answer_time(""), 60s);
  EXPECT_EQ(answer_time("nonsense"), 60s);
  EXPECT_EQ(answer_time("10"), 10s);
  EXPECT_EQ(answer_time("86400"), 120s);
}

TEST_F(RoutesTest, MetricsCanHaveAnotherName) {
  options.metrics_path = "/custom/m";
  EXPECT_THAT(get("/custom/m"), HasSubstr("patience"));
  EXPECT_THAT(get("/custom/m/node"), HasSubstr("patience"));
  EXPECT_EQ(get("/metrics"), "404");
  EXPECT_THAT(get("/"), HasSubstr("href=\"/custom/m/cadvisor\""));
  EXPECT_THAT(route_names(options), testing::Contains("/custom/m/node"));
}

TEST_F(RoutesTest, NamesInOurOwnMetrics) {
  EXPECT_EQ(route_name(options, "/metrics"), "/metrics");
  EXPECT_EQ(route_name(options, ""), "") << "what nobody serves";
  options.route_prefix = "/p";
  EXPECT_EQ(route_name(options, "/p/metrics"), "/metrics");
  EXPECT_EQ(route_name(options, "/p"), "/");
  EXPECT_EQ(route_name(options, "/p/"), "/");
}

TEST_F(RoutesTest, TheHeadersTimeoutReachesTheCollectors) {
  const int64_t before = monotonic_ns();
  Request request;
  request.headers = {{"Host", "x"}, {"x-prometheus-scrape-timeout-seconds", "10"}};
  get("/metrics", request);
  for (const int64_t deadline : {node_deadline, container_deadline}) {
    EXPECT_GE(deadline, before + 9'500'000'000);
    EXPECT_LE(deadline, monotonic_ns() + 9'500'000'000);
  }
  options.timeout_offset = 11s;
  get("/metrics/cadvisor", request);
  EXPECT_LE(container_deadline, monotonic_ns() + 5 * kSecond) << "half of ten";
  get("/metrics/cadvisor");
  EXPECT_EQ(container_deadline, INT64_MAX);
  request.headers = {{"X-Prometheus-Scrape-Timeout-Seconds", "soon"}};
  get("/metrics/node", request);
  EXPECT_EQ(node_deadline, INT64_MAX);
}

TEST_F(RoutesTest, CollectsWhatTheQueryNames) {
  Request request;
  request.query = "collect[]=patient";
  EXPECT_THAT(get("/metrics", request), HasSubstr("patience"));
  EXPECT_THAT(get("/metrics/node", request), HasSubstr("node_scrape_collector_success{collector=\"patient\"} 1"));
  request.query = "exclude[]=patient";
  EXPECT_THAT(get("/metrics", request), Not(HasSubstr("patience")));
  EXPECT_THAT(get("/metrics", request), HasSubstr("plimsoll_build_info"));
  EXPECT_EQ(get("/metrics/node", request), "");
  request.query = "collect[]=patience";
  EXPECT_THAT(get("/metrics/cadvisor", request), HasSubstr("no collector 'patience' is on; there are: patient"));
  EXPECT_EQ(make_routes(options, served()).at("/metrics")(request).status, 400);
}

TEST_F(RoutesTest, NamesFamilies) {
  Request request;
  request.query = "name[]=pat.*";
  EXPECT_THAT(get("/metrics", request), testing::AllOf(HasSubstr("patience 1"), Not(HasSubstr("plimsoll_"))));
  request.query = "name[]=pat(";
  EXPECT_EQ(get("/metrics", request), "name[]: 'pat(' is no regular expression: missing ): pat(\n");
}

TEST_F(RoutesTest, SentPagesAreCounted) {
  const std::string sent = get("/metrics/node");
  exporter::Response broken_off = make_routes(options, served()).at("/metrics/node")({});
  broken_off.next = nullptr;
  const std::string own = get("/metrics");
  EXPECT_THAT(own, HasSubstr("plimsoll_scrape_bytes_total{format=\"text\"} " + std::to_string(sent.size()) + "\n"));
  EXPECT_THAT(own, HasSubstr("plimsoll_scrape_samples_total{format=\"text\"} 3\n"));
  EXPECT_THAT(own, HasSubstr("plimsoll_scrape_duration_seconds_count{page=\"/metrics/node\"} 1\n"));
}

TEST_F(RoutesTest, ReloadsWhenAllowed) {
  int reloads = 0;
  reload = [&]() -> Result<void> { return ++reloads == 1 ? Result<void>() : fail("line 3: no"); };
  Request post;
  post.method = "POST";
  const auto routes = make_routes(options, served());
  EXPECT_EQ(routes.at("/-/reload")(post).status, 403);
  EXPECT_THAT(get("/-/reload", post), HasSubstr("--web.enable-lifecycle"));
  EXPECT_EQ(reloads, 0);
  options.lifecycle = true;
  EXPECT_EQ(get("/-/reload", post), "ok\n");
  EXPECT_EQ(get("/-/reload", post), "500: the configuration stays as it was: line 3: no\n");
  EXPECT_EQ(routes.at("/-/reload").methods, "POST, PUT");
  EXPECT_EQ(reloads, 2);
}

TEST_F(RoutesTest, AnswerInTheFormatThatIsAskedFor) {
  const auto open = answer("/metrics/node", "application/openmetrics-text;version=1.0.0", "");
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_THAT(open.body, testing::EndsWith("\n# EOF\n"));
  const auto delimited = answer(
      "/metrics", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "");
  EXPECT_THAT(delimited.content_type, testing::StartsWith("application/vnd.google.protobuf; proto="));
  EXPECT_THAT(delimited.body, HasSubstr("\x0a\x08patience"));
  for (const char* accept : {"", "*/*", "nonsense;;;q", "\x01\xff"}) {
    const auto text = answer("/metrics/cadvisor", accept, "");
    EXPECT_EQ(text.content_type, "text/plain; version=0.0.4; charset=utf-8") << accept;
    EXPECT_EQ(text.body, "# HELP patience Patience.\n# TYPE patience gauge\npatience 1\n");
    EXPECT_EQ(header(text, "Vary"), "Accept, Accept-Encoding");
    EXPECT_EQ(header(text, "Content-Encoding"), "");
  }
}

TEST_F(RoutesTest, AnswerInGzipToThoseWhoTakeIt) {
  const auto packed = answer("/metrics", "", "gzip");
  EXPECT_EQ(header(packed, "Content-Encoding"), "gzip");
  EXPECT_THAT(packed.body, testing::StartsWith("\x1f\x8b\x08"));
  EXPECT_EQ(header(packed, "Vary"), "Accept, Accept-Encoding");
  EXPECT_EQ(header(answer("/metrics", "", "gzip;q=0"), "Content-Encoding"), "");
  const auto tiny = answer("/metrics/cadvisor", "", "gzip");
  EXPECT_EQ(header(tiny, "Content-Encoding"), "") << "one sample";
  EXPECT_THAT(tiny.body, testing::StartsWith("# HELP"));
  options.compress = false;
  const auto plain = answer("/metrics", "", "gzip");
  EXPECT_EQ(header(plain, "Content-Encoding"), "");
  EXPECT_THAT(plain.body, testing::StartsWith("# HELP"));
}

TEST(Request, FindsAHeaderInAnyCase) {
  Request request;
  request.headers = {{"Accept", "a"}, {"ACCEPT", "b"}, {"X", ""}};
  EXPECT_EQ(request.header("accept"), "a");
  EXPECT_EQ(request.header("Accept-Encoding"), "");
  EXPECT_EQ(request.header("x"), "");
  EXPECT_EQ(Request{}.header("accept"), "");
}

}  // namespace
}  // namespace plimsoll::agent
