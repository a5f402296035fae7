#include <array>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/prices.h"
#include "cli/session.h"
#include "json/value.h"

namespace insula::cli {
namespace {

int set(std::span<const std::string> arguments) {
  PriceOrder order;
  SessionOptions session;
  Options options(
      "price set",
      "Sets what a million tokens of a model cost from now on. What was used before keeps "
      "its cost.");
  options.word("MODEL", order.model, "its name, or '*' for all that have no price of their own")
      .needed_text("--prompt", order.prompt, "tokens of prompts, such as 0.15")
      .text_if_any("--cached", order.cached,
                   "those of them that the model's cache had; as --prompt by default")
      .needed_text("--completion", order.completion, "tokens of replies, reasoning included")
      .text_if_any("--currency", order.currency,
                   "three letters, the same for all models; USD for the first price by default");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("price set", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY_VOID(co_await set_price(client, order));
    fmt::print("price of \"{}\" set\n", order.model);
    co_return Result<>{};
  });
}

int list(std::span<const std::string> arguments) {
  SessionOptions session;
  Options options("price list", "Lists what a million tokens of each model cost.");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("price list", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY(const gateway::PriceList prices, co_await list_prices(client));
    if (session.output != "table") {
      print(gateway::to_json_value(prices), session.output);
      co_return Result<>{};
    }
    Table table({"MODEL", "PROMPT", "CACHED", "COMPLETION", "CURRENCY"});
    for (const auto& [model, price] : prices.models) {
      table.row({model, gateway::price_text(price.prompt), gateway::price_text(price.cached),
                 gateway::price_text(price.completion), prices.currency});
    }
    fmt::print("{}", table.text());
    co_return Result<>{};
  });
}

int remove(std::span<const std::string> arguments) {
  std::string model;
  SessionOptions session;
  Options options("price remove",
                  "Takes a model's price away: from now on it costs what '*' costs, or nothing.");
  options.word("MODEL", model, "its name, or '*'");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  return run_session("price remove", session, [&](client::Client& client) -> Task<Result<>> {
    INSULA_CO_TRY_VOID(co_await remove_price(client, model));
    fmt::print("price of \"{}\" removed\n", model);
    co_return Result<>{};
  });
}

constexpr std::array kCommands = {
    Command{"set", "set the price of a model's tokens", set},
    Command{"list", "list prices", list},
    Command{"remove", "take a price away", remove},
};

}  // namespace

int price(std::span<const std::string> arguments) {
  return dispatch("price", kCommands, arguments);
}

}  // namespace insula::cli
