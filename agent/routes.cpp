// SPDX-License-Identifier: Apache-2.0
#include "agent/routes.h"

#include <atomic>
#include <memory>

#include "agent/deadline.h"
#include "exporter/encoding/encoder.h"
#include "exporter/encoding/gzip.h"
#include "exporter/encoding/negotiation.h"
#include "exporter/http/landing.h"

namespace plimsoll::agent {
namespace {

using exporter::Handler;
using exporter::Request;
using exporter::Response;
using exporter::Route;

// Below so many samples compression costs its 150 KB of memory and saves less than a packet.
constexpr size_t kWorthCompressing = 8;

// In the format and compression that the request asks for. The page lives until its last byte is sent; nothing is
// encoded before the first piece is asked for, which HEAD never does.
Response page_response(SharedPage page, const Request& request, const AgentOptions& options) {
  const exporter::Format format = exporter::negotiate_format(request.header("Accept"));
  std::unique_ptr<exporter::Encoder> encoder =
      exporter::make_encoder(format, *page, {.created = options.openmetrics_created});
  Response response;
  response.content_type = exporter::content_type(format);
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (options.compress && page->sample_count() >= kWorthCompressing &&
      exporter::wants_gzip(request.header("Accept-Encoding"))) {
    encoder = std::make_unique<exporter::GzipEncoder>(std::move(encoder));
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  const std::shared_ptr<exporter::Encoder> shared = std::move(encoder);  // a std::function can be copied
  response.next = [page = std::move(page), shared](std::string& piece) { return shared->next(piece); };
  return response;
}

Response text_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response redirection(const std::string& target) {
  Response response = text_response(302, "see " + target + "\n");
  response.headers.emplace_back("Location", target);
  return response;
}

Response landing_response(const std::string& start, const std::string& metrics) {
  const std::string cadvisor = metrics + "/cadvisor", node = metrics + "/node";
  const std::string healthz = start + "/healthz", ready = start + "/-/ready";
  const exporter::Link links[] = {
      {metrics, "everything: this host, its containers, this agent"},
      {cadvisor, "containers and the machine, under the names of cAdvisor"},
      {node, "this host, under the names of node_exporter"},
      {healthz, "says ok while this process serves; /-/healthy is the same"},
      {ready, "says ok once a first collection has succeeded"},
  };
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = exporter::landing_page("Plimsoll", PLIMSOLL_VERSION, links);
  return response;
}

// Hands out as many tickets at a time as there may be scrapes; a ticket is null when there are none left.
// Thread-safe; outlives its tickets and the handlers that have it.
class Turnstile {
 public:
  explicit Turnstile(size_t most) : most_(most) {}
  std::shared_ptr<void> enter() {
    if (inside_.fetch_add(1) < most_ || most_ == 0) return {this, [](Turnstile* self) { --self->inside_; }};
    --inside_;
    return nullptr;
  }

 private:
  const size_t most_;
  std::atomic<size_t> inside_ = 0;
};

using Page = SharedPage (Scraper::*)(int64_t deadline_ns, const Selection& selection);

// A scrape is over when its last byte is sent: the ticket goes with the answer.
Response holding(std::shared_ptr<void> ticket, std::shared_ptr<Turnstile> turnstile, Response response) {
  if (!response.next) return response;
  response.next = [turnstile = std::move(turnstile), ticket = std::move(ticket),
                   next = std::move(response.next)](std::string& piece) { return next(piece); };
  return response;
}

// At most as many at once as the turnstile lets in.
Handler limited(const AgentOptions& options, std::shared_ptr<Turnstile> turnstile, Handler page) {
  const std::string busy =
      "more than " + std::to_string(options.web.requests) + " scrapes at once (--web.max-requests); try again later\n";
  return [turnstile = std::move(turnstile), page = std::move(page), busy](const Request& request) {
    std::shared_ptr<void> ticket = turnstile->enter();
    if (!ticket) return text_response(503, busy);
    return holding(std::move(ticket), turnstile, page(request));
  };
}

Handler page_handler(const AgentOptions& options, Scraper& scraper, Page page) {
  return [options, &scraper, page](const Request& request) {
    const auto selection = Selection::parse(request.query, scraper.selectable());
    if (!selection) return text_response(400, selection.error().message() + "\n");
    const int64_t deadline_ns = scrape_deadline(request.header(kTimeoutHeader), options.timeout_offset, monotonic_ns());
    return page_response((scraper.*page)(deadline_ns, *selection), request, options);
  };
}

}  // namespace

exporter::Routes make_routes(const AgentOptions& options, Scraper& scraper) {
  const std::string& start = options.route_prefix;
  const std::string metrics = start + options.metrics_path;
  const std::string seen = options.web.external_path.value_or(start);
  const std::string seen_metrics = seen + options.metrics_path;
  const Handler landing = [seen, seen_metrics](const Request&) { return landing_response(seen, seen_metrics); };
  const Handler healthy = [](const Request&) { return text_response(200, "ok\n"); };
  const Handler ready = [&scraper](const Request&) {
    return scraper.ready() ? text_response(200, "ok\n") : text_response(503, "no collection has succeeded yet\n");
  };
  const auto turnstile = std::make_shared<Turnstile>(options.web.requests);
  const auto page = [&](Page which) { return limited(options, turnstile, page_handler(options, scraper, which)); };
  exporter::Routes routes = {
      {start + "/", {landing}},
      {metrics, {page(&Scraper::all)}},
      {metrics + "/cadvisor", {page(&Scraper::container)}},
      {metrics + "/node", {page(&Scraper::node)}},
      {start + "/healthz", {healthy}},
      {start + "/-/healthy", {healthy}},
      {start + "/-/ready", {ready}},
  };
  if (start.empty()) return routes;
  routes.emplace(start, Route{landing});
  routes.emplace("/", Route{[seen](const Request&) { return redirection(seen + "/"); }});
  return routes;
}

std::vector<std::string> route_names(const AgentOptions& options) {
  const std::string& metrics = options.metrics_path;
  return {"/", metrics, metrics + "/cadvisor", metrics + "/node", "/healthz", "/-/healthy", "/-/ready"};
}

std::string route_name(const AgentOptions& options, const std::string& route) {
  if (route.empty() || !route.starts_with(options.route_prefix)) return "";
  const std::string name = route.substr(options.route_prefix.size());
  return name.empty() ? "/" : name;
}

}  // namespace plimsoll::agent
