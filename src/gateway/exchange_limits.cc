#include "gateway/exchange.h"
#include "gateway/shared_limits.h"
#include "gateway/worker.h"

namespace insula::gateway {

/// Takes the request's share of its limits. Where this gateway holds too little of one that is
/// shared with others, the store is asked for more first.
Task<Result<>> Exchange::admit_in_turn(Request& request) {
  for (;;) {
    auto admitted = admit(request);
    // As of the looks before the store was asked.
    if (admitted) request.refusal_code = {};
    if (admitted || request.admission.shortage() != Shortage::kAsking || client_gone_)
      co_return admitted;
    co_await worker_.settings().shared_limits->turn();
  }
}

/// Refuses a request that a limit has no room for; or for which that is not known.
Result<> Exchange::refuse_for_want(Request& request) {
  const Shortage shortage = request.admission.shortage();
  request.refusal_code = {};
  if (shortage == Shortage::kNone) return refuse_for_limit(request);
  request.limit_met.reset();
  request.refusal_code = ApiError::kLimitsUnavailable;
  return fail(ErrorCode::kUnavailable,
              shortage == Shortage::kClosed
                  ? "the store of limits does not know yet what the gateways that share them have "
                    "used"
                  : "the store of limits cannot be reached, and what this gateway held of them is "
                    "used up");
}

/// Answers the request, for as long as it may run: when the store of shared limits was not heard of
/// for a lease, others may run in its place.
Task<bool> Exchange::route_while_lent(Request& request) {
  struct Noted {
    Noted(const Admission*& where, const Admission& what) : place(where) { place = &what; }

    Noted(const Noted&) = delete;
    Noted& operator=(const Noted&) = delete;

    ~Noted() { place = nullptr; }

    const Admission*& place;
  };

  const Noted noted(admission_, request.admission);
  co_return co_await route(request);
}

/// As reserve_for_stream(), of limits that are shared with others.
Task<std::optional<LimitMet>> Exchange::reserve_in_turn(Request& request, const BodyRelay& body) {
  for (;;) {
    auto met = reserve_for_stream(request, body);
    if (!met || request.admission.shortage() != Shortage::kAsking || client_gone_) co_return met;
    co_await worker_.settings().shared_limits->turn();
  }
}

}  // namespace insula::gateway
