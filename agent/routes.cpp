// SPDX-License-Identifier: Apache-2.0
#include "agent/routes.h"

#include <memory>

#include "agent/deadline.h"
#include "exporter/encoding/encoder.h"
#include "exporter/http/landing.h"

namespace plimsoll::agent {
namespace {

using exporter::Handler;
using exporter::Request;
using exporter::Response;
using exporter::Route;

// The page lives until its last byte is sent.
Response page_response(SharedPage page, exporter::Format format) {
  const std::shared_ptr<exporter::Encoder> encoder = exporter::make_encoder(format, *page);
  Response response;
  response.content_type = exporter::content_type(format);
  response.next = [page = std::move(page), encoder](std::string& piece) { return encoder->next(piece); };
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

// One request for a page, from its beginning to the last byte of the answer.
struct Sending {
  SelfMetrics& self;
  std::string page;
  int64_t begun_ns = monotonic_ns();
  std::shared_ptr<void> place = {};  // among the requests that may be served at once
};

// Counts what `response` sends, when all of it has been.
Response counted(Response response, Sending sending, uint64_t samples, std::string format) {
  SelfMetrics::Served served{sending.page, std::move(format), samples, 0, 0};
  response.next = [next = std::move(response.next), sending = std::move(sending),
                   served = std::move(served)](std::string& piece) mutable {
    if (next(piece)) {
      served.bytes += piece.size();
      return true;
    }
    served.seconds = static_cast<double>(monotonic_ns() - sending.begun_ns) / 1e9;
    sending.self.count_served(served);
    return false;
  };
  return response;
}

using Page = SharedPage (Scraper::*)(int64_t deadline_ns, const Selection& selection);

Handler page_handler(const Served& parts, std::string name, Page page) {
  return [parts, name = std::move(name), page](const Request& request) {
    Sending sending{parts.self, name};
    sending.place = parts.live.admit();
    if (!sending.place)
      return text_response(503, "more than " + std::to_string(parts.live.max_requests()) +
                                    " scrapes at once (--web.max-requests); try again later\n");
    const auto selection = Selection::parse(request.query, parts.scraper.selectable());
    if (!selection) return text_response(400, selection.error().message() + "\n");
    const int64_t deadline_ns =
        scrape_deadline(request.header(kTimeoutHeader), parts.live.timeout_offset(), monotonic_ns());
    const SharedPage samples = (parts.scraper.*page)(deadline_ns, *selection);
    return counted(page_response(samples, exporter::Format::kText), std::move(sending), samples->sample_count(),
                   "text");
  };
}

Response reload_response(const Served& parts) {
  if (!parts.live.lifecycle())
    return text_response(403, "403: the agent was started without --web.enable-lifecycle; SIGHUP does the same\n");
  const auto reloaded = parts.reload();
  if (!reloaded)
    return text_response(500, "500: the configuration stays as it was: " + reloaded.error().message() + "\n");
  return text_response(200, "ok\n");
}

}  // namespace

exporter::Routes make_routes(const AgentOptions& options, const Served& served) {
  const std::string& start = options.route_prefix;
  const std::string metrics = start + options.metrics_path;
  const std::string seen = options.web.external_path.value_or(start);
  const std::string seen_metrics = seen + options.metrics_path;
  const Handler landing = [seen, seen_metrics](const Request&) { return landing_response(seen, seen_metrics); };
  const Handler healthy = [](const Request&) { return text_response(200, "ok\n"); };
  const Handler ready = [&scraper = served.scraper](const Request&) {
    return scraper.ready() ? text_response(200, "ok\n") : text_response(503, "no collection has succeeded yet\n");
  };
  const Handler reload = [served](const Request&) { return reload_response(served); };
  exporter::Routes routes = {
      {start + "/", {landing}},
      {metrics, {page_handler(served, options.metrics_path, &Scraper::all)}},
      {metrics + "/cadvisor", {page_handler(served, options.metrics_path + "/cadvisor", &Scraper::container)}},
      {metrics + "/node", {page_handler(served, options.metrics_path + "/node", &Scraper::node)}},
      {start + "/healthz", {healthy}},
      {start + "/-/healthy", {healthy}},
      {start + "/-/ready", {ready}},
      {start + "/-/reload", {reload, "POST, PUT"}},
  };
  if (start.empty()) return routes;
  routes.emplace(start, Route{landing});
  routes.emplace("/", Route{[seen](const Request&) { return redirection(seen + "/"); }});
  return routes;
}

std::vector<std::string> route_names(const AgentOptions& options) {
  const std::string& metrics = options.metrics_path;
  return {"/", metrics, metrics + "/cadvisor", metrics + "/node", "/healthz", "/-/healthy", "/-/ready", "/-/reload"};
}

std::string route_name(const AgentOptions& options, const std::string& route) {
  if (route.empty() || !route.starts_with(options.route_prefix)) return "";
  const std::string name = route.substr(options.route_prefix.size());
  return name.empty() ? "/" : name;
}

}  // namespace plimsoll::agent
