#include "apiserver/limit_range.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "api/pod_resources.h"

namespace insula::apiserver {

namespace {

constexpr std::string_view kAnnotation = "kubernetes.io/limit-ranger";

using Amounts = std::map<std::string, api::Quantity>;

/// Copies what `from` has and `into` lacks; returns the names, sorted.
std::vector<std::string> fill(Amounts& into, const Amounts& from) {
  std::vector<std::string> filled;
  for (const auto& [name, quantity] : from) {
    if (into.try_emplace(name, quantity).second) filled.push_back(name);
  }
  return filled;
}

/// The same of limits, of which one of nothing is none.
std::vector<std::string> fill_limits(Amounts& into, const Amounts& from) {
  std::erase_if(into, [&](const auto& entry) {
    return from.contains(entry.first) && !api::is_limited(into, entry.first);
  });
  return fill(into, from);
}

void note(std::vector<std::string>& notes,
          const std::vector<std::string>& names,
          std::string_view what,
          std::string_view container) {
  if (!names.empty())
    notes.push_back(fmt::format("{} {} for {}", fmt::join(names, ", "), what, container));
}

class Checker {
 public:
  Checker(std::string_view type, std::vector<std::string>& out) : type_(type), out_(out) {}

  void check(const api::LimitRangeItem& item, const Amounts& requests, const Amounts& limits) {
    for (const auto& [name, bound] : item.min)
      check_min(name, bound, find(requests, name), find(limits, name));
    for (const auto& [name, bound] : item.max)
      check_max(name, bound, find(requests, name),
                api::is_limited(limits, name) ? find(limits, name) : nullptr);
    for (const auto& [name, ratio] : item.max_limit_request_ratio)
      check_ratio(name, ratio, find(requests, name), find(limits, name));
  }

 private:
  static const api::Quantity* find(const Amounts& amounts, const std::string& name) {
    const auto it = amounts.find(name);
    return it == amounts.end() ? nullptr : &it->second;
  }

  void check_min(const std::string& name,
                 const api::Quantity& bound,
                 const api::Quantity* request,
                 const api::Quantity* limit) {
    const std::string head =
        fmt::format("minimum {} usage per {} is {}", name, type_, bound.text());
    if (request == nullptr)
      out_.push_back(head + ".  No request is specified");
    else if (*request < bound)
      out_.push_back(fmt::format("{}, but request is {}", head, request->text()));
    else if (limit != nullptr && *limit < bound)
      out_.push_back(fmt::format("{}, but limit is {}", head, limit->text()));
  }

  void check_max(const std::string& name,
                 const api::Quantity& bound,
                 const api::Quantity* request,
                 const api::Quantity* limit) {
    const std::string head =
        fmt::format("maximum {} usage per {} is {}", name, type_, bound.text());
    if (limit == nullptr)
      out_.push_back(head + ".  No limit is specified");
    else if (*limit > bound)
      out_.push_back(fmt::format("{}, but limit is {}", head, limit->text()));
    else if (request != nullptr && *request > bound)
      out_.push_back(fmt::format("{}, but request is {}", head, request->text()));
  }

  void check_ratio(const std::string& name,
                   const api::Quantity& bound,
                   const api::Quantity* request,
                   const api::Quantity* limit) {
    const std::string head =
        fmt::format("{} max limit to request ratio per {} is {}", name, type_, bound.text());
    if (request == nullptr || request->is_zero())
      out_.push_back(head + ", but no request is specified or request is 0");
    else if (limit == nullptr || limit->is_zero())
      out_.push_back(head + ", but no limit is specified or limit is 0");
    else if (const double ratio = limit->as_double() / request->as_double();
             ratio > bound.as_double())
      out_.push_back(fmt::format("{}, but provided ratio is {:f}", head, ratio));
  }

  std::string_view type_;
  std::vector<std::string>& out_;
};

}  // namespace

void apply_limit_defaults(const api::LimitRange& range, api::Pod& pod) {
  std::vector<std::string> notes;
  for (const api::LimitRangeItem& item : range.spec.limits) {
    if (item.type != "Container") continue;
    auto apply = [&](auto& container, std::string_view what) {
      const std::string name = fmt::format("{} {}", what, container.name);
      const auto requests = fill(container.resources.requests, item.default_request);
      const auto limits = fill_limits(container.resources.limits, item.default_);
      note(notes, requests, "request", name);
      note(notes, limits, "limit", name);
    };
    for (auto& container : pod.spec.containers)
      apply(container, "container");
    for (auto& container : pod.spec.init_containers)
      apply(container, "init container");
  }
  if (notes.empty()) return;
  std::string& text = pod.metadata.annotations[std::string(kAnnotation)];
  if (text.empty())
    text = "LimitRanger plugin set: ";
  else
    text += "; ";
  text += fmt::format("{}", fmt::join(notes, "; "));
}

std::vector<std::string> limit_violations(const api::LimitRange& range, const api::Pod& pod) {
  std::vector<std::string> out;
  for (const api::LimitRangeItem& item : range.spec.limits) {
    Checker checker(item.type, out);
    if (item.type == "Container") {
      for (const auto& container : pod.spec.containers)
        checker.check(item, container.resources.requests, container.resources.limits);
      for (const auto& container : pod.spec.init_containers)
        checker.check(item, container.resources.requests, container.resources.limits);
    } else if (item.type == "Pod") {
      checker.check(item, api::pod_requests(pod.spec), api::pod_limits(pod.spec));
    }
  }
  return out;
}

}  // namespace insula::apiserver
