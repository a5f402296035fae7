#include "gateway/filter_chain.h"

#include <variant>

#include <fmt/format.h>

#include "gateway/header_modifier.h"
#include "gateway/prompt_deny_list.h"

namespace insula::gateway {
namespace {

using Made = Result<std::unique_ptr<const Filter>>;

constexpr std::array<FilterPoint, 4> kAllPoints = {FilterPoint::kRequest, FilterPoint::kAttempt,
                                                   FilterPoint::kEvent, FilterPoint::kDone};

Made make(const HeaderModifierConfig& config) {
  return HeaderModifier::make(config);
}

Made make(const PromptDenyListConfig& config) {
  return PromptDenyList::make(config);
}

}  // namespace

FilterChain::FilterChain(std::vector<std::unique_ptr<const Filter>> filters)
    : filters_(std::move(filters)) {
  for (const FilterPoint point : kAllPoints) {
    for (const auto& filter : filters_) {
      if (filter->runs_at(point)) at_[std::to_underlying(point)].push_back(filter.get());
    }
  }
}

Task<std::optional<FilterRefusal>> FilterChain::on_request(FilterRequest request) const {
  for (const Filter* filter : at(FilterPoint::kRequest)) {
    if (auto refusal = co_await filter->on_request(request)) co_return refusal;
  }
  co_return std::nullopt;
}

void FilterChain::on_attempt(FilterAttempt& attempt) const {
  for (const Filter* filter : at(FilterPoint::kAttempt))
    filter->on_attempt(attempt);
}

std::optional<FilterRefusal> FilterChain::on_event(std::string_view event) const {
  for (const Filter* filter : at(FilterPoint::kEvent)) {
    if (auto refusal = filter->on_event(event)) return refusal;
  }
  return std::nullopt;
}

void FilterChain::on_done(const FilterResult& result) const noexcept {
  for (const Filter* filter : at(FilterPoint::kDone))
    filter->on_done(result);
}

Result<FilterChain> make_filters(const std::vector<FilterConfig>& configs) {
  std::vector<std::unique_ptr<const Filter>> filters;
  for (const FilterConfig& config : configs) {
    auto filter = std::visit([](const auto& one) { return make(one); }, config);
    if (!filter) {
      return std::unexpected(
          std::move(filter).error().in(fmt::format("filter {}", filters.size() + 1)));
    }
    filters.push_back(*std::move(filter));
  }
  return FilterChain(std::move(filters));
}

}  // namespace insula::gateway
