#include "gateway/redis_limit_store.h"

#include <utility>

#include <fmt/format.h>

#include "base/number.h"
#include "gateway/limit_script.h"

namespace insula::gateway {
namespace {

/// Reads the texts of an answer one after the other; remembers that one was not what it should be.
class Texts {
 public:
  explicit Texts(const redis::Reply& reply) : reply_(reply) {}

  std::string text() {
    if (at_ >= reply_.items.size() || reply_.items[at_].kind != redis::Reply::Kind::kText) {
      wrong_ = true;
      return {};
    }
    return reply_.items[at_++].text;
  }

  std::int64_t number() {
    const auto value = parse_whole<std::int64_t>(text());
    wrong_ = wrong_ || !value;
    return value.value_or(0);
  }

  std::chrono::milliseconds time() { return std::chrono::milliseconds(number()); }

  [[nodiscard]] bool wrong() const { return wrong_; }

  [[nodiscard]] bool at_end() const { return at_ == reply_.items.size(); }

 private:
  const redis::Reply& reply_;
  std::size_t at_ = 0;
  bool wrong_ = false;
};

LimitLoan loan_from(Texts& texts) {
  constexpr std::size_t kFlags = 3;
  LimitLoan loan{.granted = texts.number(), .free = texts.number()};
  std::string flags = texts.text();
  flags.resize(kFlags, '0');
  loan.hungry = flags[0] == '1';
  loan.open = flags[1] == '1';
  loan.is_member = flags[2] == '1';
  return loan;
}

}  // namespace

std::vector<std::string> arguments_of(const StoreCall& call) {
  std::vector<std::string> texts = {call.id};
  const auto add = [&](std::int64_t number) { texts.push_back(fmt::format("{}", number)); };
  add(call.incarnation);
  add(call.sequence);
  texts.push_back(call.generation);
  add(call.version);
  add(call.age.count());
  add(call.witness ? 1 : 0);
  add(call.complete ? 1 : 0);
  add(static_cast<std::int64_t>(call.members.size()));
  for (const StoreMember& member : call.members) {
    texts.push_back(member.id);
    add(member.incarnation);
    add(member.sequence);
    add(member.silent.count());
  }
  add(static_cast<std::int64_t>(call.demands.size()));
  for (const LimitDemand& demand : call.demands) {
    texts.push_back(demand.owner);
    for (const std::int64_t number :
         {demand.limit, demand.have, demand.need, demand.least, demand.want, demand.after.count()})
      add(number);
    add(demand.keep ? 1 : 0);
  }
  return texts;
}

Result<StoreAnswer> answer_from(const redis::Reply& reply, std::size_t demands) {
  Texts texts(reply);
  const std::string kind = texts.text();
  StoreAnswer answer;
  if (kind == "stale" || kind == "full") {
    answer.kind = kind == "full" ? StoreAnswer::Kind::kFull : StoreAnswer::Kind::kStale;
    return answer;
  }
  answer.generation = texts.text();
  answer.version = texts.number();
  answer.age = texts.time();
  answer.sound = texts.number() == 1;
  const std::int64_t members = texts.number();
  for (std::int64_t i = 0; i < members && !texts.wrong(); ++i)
    answer.members.push_back({.id = texts.text(),
                              .incarnation = texts.number(),
                              .sequence = texts.number(),
                              .silent = texts.time()});
  const std::int64_t loans = texts.number();
  for (std::int64_t i = 0; i < loans && !texts.wrong(); ++i)
    answer.loans.push_back(loan_from(texts));
  if (kind != "ok" || texts.wrong() || !texts.at_end() || answer.loans.size() != demands)
    return fail(ErrorCode::kUpstream, "the answer is not that of our script");
  return answer;
}

Task<Result<StoreAnswer>> RedisLimitStore::exchange(StoreCall call) {
  const std::size_t demands = call.demands.size();
  std::vector<std::string> arguments = arguments_of(call);
  arguments.insert(arguments.begin(), {"1", kKey});
  auto reply = co_await client_.run_script(kLimitScript, std::move(arguments));
  auto answer = reply ? answer_from(*reply, demands) : std::unexpected(std::move(reply).error());
  // A server that was made another's replica, or is loading, answers errors on and on.
  if (!answer) client_.close();
  co_return answer;
}

}  // namespace insula::gateway
