#include "gateway/member_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>

#include <sched.h>

#include "base/random.h"
#include "gateway/durable_axis.h"
#include "gateway/member_window.h"
#include "jose/base64url.h"
#include "jose/jws_key.h"

namespace insula::gateway {
namespace {

constexpr std::uint64_t kMagic = 0x324d454d4c4e49;       // "INLMEM2"
constexpr std::uint64_t kFirstMagic = 0x314d454d4c4e49;  // the same without names
/// Places in which a member may be.
constexpr std::size_t kSetSize = 16;
constexpr std::size_t kSets = MemberTable::kMembers / kSetSize;
constexpr std::size_t kPlaces = MemberTable::kMembers + 1;
constexpr std::int64_t kRequestBucketNs =
    std::chrono::nanoseconds(kRateWindow).count() / MemberWindow::kCounted;
constexpr std::int64_t kTokenBucketNs =
    std::chrono::nanoseconds(kTokenWindow).count() / MemberWindow::kCounted;

}  // namespace

/// Of a hash; all zero: nobody's.
struct MemberTable::Id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const Id&) const = default;
};

struct MemberTable::Layout {
  struct StoredId {
    std::atomic<std::uint64_t> high;
    std::atomic<std::uint64_t> low;
  };

  struct Windows {
    MemberWindow requests;
    MemberWindow tokens;
  };

  std::uint64_t magic;
  DurableAxis axis;
  /// When something was last reserved or settled.
  std::atomic<std::int64_t> newest;
  /// Nothing is admitted before.
  std::int64_t opens_at;
  /// Of the hash, so that nobody can choose a subject for its place.
  std::array<std::uint64_t, 2> salt;
  // Apart from the windows: a start looks at those of members only.
  std::array<StoredId, kPlaces> ids;
  std::array<Windows, kPlaces> windows;
  /// Where gateways share limits; zero: not known.
  std::array<StoredId, kPlaces> names;

  static constexpr std::size_t kFirstBytes =
      sizeof(std::uint64_t) + sizeof(DurableAxis) + 2 * sizeof(std::int64_t) +
      sizeof(std::array<std::uint64_t, 2>) + kPlaces * (sizeof(StoredId) + sizeof(Windows));
};

namespace {

bool is_of(const MappedFile& file, std::size_t bytes, std::uint64_t magic) {
  std::uint64_t begins = 0;
  std::memcpy(&begins, file.data(), sizeof begins);
  return file.size() == bytes && begins == magic;
}

template <class Id>
Id hash_of(std::string_view text) {
  const std::string hash = jose::sha256(text);
  Id id;
  std::memcpy(&id.high, hash.data(), sizeof id.high);
  std::memcpy(&id.low, hash.data() + sizeof id.high, sizeof id.low);
  id.high |= 1U;  // Never that of nobody.
  return id;
}

}  // namespace

/// A place as the process sees it: the limiters over its windows, and who is using it.
class MemberTable::Place {
 public:
  void bind(MemberTable& table, std::size_t number) {
    table_ = &table;
    number_ = number;
    requests_.place = tokens_.place = this;
    budget_.emplace(table.clock_);
  }

  [[nodiscard]] Id id() const {
    const Layout::StoredId& stored = table_->layout().ids[number_];
    return {stored.high, stored.low};
  }

  [[nodiscard]] std::size_t number() const { return number_; }

  /// Of the member where gateways share limits. Requires: has_name().
  [[nodiscard]] Id name() const {
    const Layout::StoredId& stored = table_->layout().names[number_];
    return {stored.high, stored.low};
  }

  [[nodiscard]] bool has_name() const { return table_->layout().names[number_].high != 0; }

  /// Of a member that has the place. Of two that say the same at once either may be the first.
  void set_name(std::string_view member) {
    const auto name = hash_of<Id>(member);
    Layout::StoredId& stored = table_->layout().names[number_];
    stored.low = name.low;
    stored.high = name.high;
  }

  void watch() { watches_.fetch_add(1); }

  void end_watch() { watches_.fetch_sub(1); }

  [[nodiscard]] std::int64_t requests_held() const {
    return windows().requests.held(now() / kRequestBucketNs);
  }

  [[nodiscard]] std::int64_t tokens_held() const {
    return windows().tokens.held(now() / kTokenBucketNs);
  }

  [[nodiscard]] std::int64_t running() const { return running_; }

  [[nodiscard]] BudgetAccount& budget() { return *budget_; }

  /// False when it is being given to another.
  bool hold() {
    if (holds_.fetch_add(1) >= 0) return true;
    holds_.fetch_sub(1);
    return false;
  }

  void release() { holds_.fetch_sub(1); }

  /// Makes it the member's, held once, when nobody has anything of it.
  bool give_to(const Id& id, std::string_view member) {
    std::int64_t nobody = 0;
    if (!holds_.compare_exchange_strong(nobody, kTaken)) return false;
    const bool free = id_is_free();
    if (free) {
      Layout::StoredId& stored = table_->layout().ids[number_];
      stored.low = stored.high = 0;
      windows().requests.clear();
      windows().tokens.clear();
      budget_->begin_with(used_by(member));
      set_name(member);
      stored.low = id.low;
      stored.high = id.high;
    }
    holds_.fetch_add(free ? 1 - kTaken : -kTaken);
    return free;
  }

  [[nodiscard]] UsedSums used_by(std::string_view member) const {
    const std::lock_guard lock(table_->used_mutex_);
    const auto used = table_->used_.find(member);
    return used == table_->used_.end() ? UsedSums{} : used->second;
  }

  [[nodiscard]] Limits limits(const LimitConfig& most) {
    // Not owned: whoever has a hold on the place has the table.
    const std::shared_ptr<void> nobody;
    return {.most = most,
            .requests = std::shared_ptr<RequestLimiter>(nobody, &requests_),
            .tokens = std::shared_ptr<TokenLimiter>(nobody, &tokens_),
            .running = std::shared_ptr<std::atomic<std::int64_t>>(nobody, &running_),
            .budget = std::shared_ptr<BudgetAccount>(nobody, &*budget_)};
  }

 private:
  static constexpr std::int64_t kTaken = INT64_MIN / 2;

  struct Requests final : RequestLimiter {
    RateDecision admit(std::int64_t limit) override;
    [[nodiscard]] RateDecision look(std::int64_t limit) const override;

    Place* place = nullptr;
  };

  struct Tokens final : TokenLimiter {
    RateDecision reserve(std::int64_t tokens, std::int64_t limit) override;
    void settle(std::int64_t reserved, std::int64_t used) override;

    Place* place = nullptr;
  };

  [[nodiscard]] Layout::Windows& windows() const { return table_->layout().windows[number_]; }

  [[nodiscard]] std::int64_t now() const { return table_->layout().axis.now(table_->clock_); }

  [[nodiscard]] bool id_is_free() {
    return watches_ == 0 && (id() == Id{} || (requests_held() == 0 && tokens_held() == 0 &&
                                              budget_->is_untouched()));
  }

  void note_change(std::int64_t time) const {
    table_->layout().newest.store(time, std::memory_order_relaxed);
    table_->changed_.store(true, std::memory_order_relaxed);
  }

  /// A window, how long its buckets are, and the time.
  struct Moment {
    const MemberWindow& window;
    std::int64_t bucket_ns;
    std::int64_t time;
  };

  /// The decision's numbers for what is held now; `asked` more than that was asked for.
  [[nodiscard]] RateDecision decide(const Moment& moment,
                                    std::int64_t held,
                                    std::int64_t asked,
                                    std::int64_t limit) const {
    const auto& [window, bucket_ns, time] = moment;
    const std::int64_t opens_at = table_->layout().opens_at;
    if (time < opens_at)
      return {.limit = limit, .reset = std::chrono::nanoseconds(opens_at - time)};
    RateDecision decision{.admitted = held + asked <= limit,
                          .limit = limit,
                          .remaining = std::clamp<std::int64_t>(limit - held, 0, limit)};
    if (held > 0) {
      const std::int64_t bucket = time / bucket_ns;
      const std::int64_t needed = std::max<std::int64_t>(held + asked - limit, 1);
      decision.reset = std::chrono::nanoseconds(window.free_at(needed, bucket) * bucket_ns - time);
    }
    return decision;
  }

  MemberTable* table_ = nullptr;
  std::size_t number_ = 0;
  /// Requests that have it in their hands; negative while it is given to another.
  std::atomic<std::int64_t> holds_{0};
  std::atomic<std::int64_t> running_{0};
  /// Those who share its limits.
  std::atomic<std::int64_t> watches_{0};
  Requests requests_;
  Tokens tokens_;
  std::optional<BudgetAccount> budget_;
};

RateDecision MemberTable::Place::Requests::admit(std::int64_t limit) {
  if (limit <= 0) return {.reset = kRateWindow};
  MemberWindow& window = place->windows().requests;
  const std::int64_t time = place->now();
  const std::int64_t bucket = time / kRequestBucketNs;
  const std::int64_t held = window.reserve(1, bucket);
  RateDecision decision = place->decide({window, kRequestBucketNs, time}, held - 1, 1, limit);
  window.settle(1, decision.admitted ? 1 : 0, bucket);
  if (!decision.admitted) return decision;
  place->note_change(time);
  decision = place->decide({window, kRequestBucketNs, time}, held, 0, limit);
  decision.admitted = true;
  return decision;
}

RateDecision MemberTable::Place::Requests::look(std::int64_t limit) const {
  if (limit <= 0) return {.reset = kRateWindow};
  const MemberWindow& window = place->windows().requests;
  const std::int64_t time = place->now();
  return place->decide({window, kRequestBucketNs, time}, window.held(time / kRequestBucketNs), 1,
                       limit);
}

RateDecision MemberTable::Place::Tokens::reserve(std::int64_t tokens, std::int64_t limit) {
  MemberWindow& window = place->windows().tokens;
  const std::int64_t time = place->now();
  const std::int64_t bucket = time / kTokenBucketNs;
  const std::int64_t held = window.reserve(tokens, bucket);
  RateDecision decision =
      place->decide({window, kTokenBucketNs, time}, held - tokens, tokens, limit);
  if (!decision.admitted) {
    window.settle(tokens, 0, bucket);
    return decision;
  }
  place->note_change(time);
  return place->decide({window, kTokenBucketNs, time}, held, 0, limit);
}

void MemberTable::Place::Tokens::settle(std::int64_t reserved, std::int64_t used) {
  const std::int64_t time = place->now();
  place->note_change(time);
  place->windows().tokens.settle(reserved, used, time / kTokenBucketNs);
}

MemberTable::Hold::~Hold() {
  if (place_ != nullptr) place_->release();
}

Limits MemberTable::Hold::limits(const LimitConfig& most) const {
  return place_->limits(most);
}

std::size_t MemberTable::Hold::place() const {
  return place_->number();
}

std::string MemberTable::Hold::shared_name() const {
  if (place_->number() == kMembers) return "others";
  const Id name = place_->name();
  std::string bytes(sizeof name.high + sizeof name.low, '\0');
  std::memcpy(bytes.data(), &name.high, sizeof name.high);
  std::memcpy(bytes.data() + sizeof name.high, &name.low, sizeof name.low);
  return jose::base64url_encode(bytes);
}

MemberTable::Watch::Watch(std::shared_ptr<MemberTable> table, std::size_t place)
    : table_(std::move(table)), place_(table_->places_[place]) {
  place_.watch();
}

MemberTable::Watch::~Watch() {
  place_.end_watch();
}

std::int64_t MemberTable::Watch::requests() const {
  return place_.requests_held();
}

std::int64_t MemberTable::Watch::tokens() const {
  return place_.tokens_held();
}

std::int64_t MemberTable::Watch::running() const {
  return place_.running();
}

BudgetAccount& MemberTable::Watch::budget() const {
  return place_.budget();
}

void MemberTable::for_each_named(const std::function<void(const Hold&)>& f) {
  for (std::size_t i = 0; i < kPlaces; ++i) {
    Place& place = places_[i];
    const bool named = i == kMembers || (place.id() != Id{} && place.has_name());
    if (!named || !place.hold()) continue;
    f(Hold(place));
  }
}

MemberTable::MemberTable(MappedFile file, const Clock& clock, UsedThisMonth::ByName used)
    : file_(std::move(file)),
      clock_(clock),
      used_(std::move(used)),
      places_(std::make_unique<Place[]>(kPlaces)) {
  for (std::size_t i = 0; i < kPlaces; ++i)
    places_[i].bind(*this, i);
}

MemberTable::~MemberTable() = default;

MemberTable::Layout& MemberTable::layout() const {
  return *reinterpret_cast<Layout*>(file_.data());
}

/// A table of the first format as one of the present, in its place.
Result<MappedFile> MemberTable::converted(const std::filesystem::path& file,
                                          const MappedFile& first) {
  static_assert(offsetof(Layout, names) == Layout::kFirstBytes);
  INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), sizeof(Layout)));
  std::memcpy(made.data(), first.data(), Layout::kFirstBytes);
  reinterpret_cast<Layout*>(made.data())->magic = kMagic;
  INSULA_TRY_VOID(put_in_place(file));
  return made;
}

Result<std::unique_ptr<MemberTable>> MemberTable::open(const std::filesystem::path& file,
                                                       const Clock& clock,
                                                       std::string_view boot,
                                                       UsedThisMonth::ByName used) {
  auto mapped = MappedFile::open(file, Layout::kFirstBytes);
  if (mapped && is_of(*mapped, Layout::kFirstBytes, kFirstMagic)) {
    INSULA_TRY(mapped, converted(file, *mapped));
  }
  const bool damaged = mapped ? !is_of(*mapped, sizeof(Layout), kMagic)
                              : mapped.error().code() == ErrorCode::kConflict;
  if (mapped && !damaged) {
    std::unique_ptr<MemberTable> table(new MemberTable(*std::move(mapped), clock, std::move(used)));
    table->recover(boot);
    table->begin_budgets();
    return table;
  }
  if (!damaged && mapped.error().code() != ErrorCode::kNotFound)
    return std::unexpected(std::move(mapped).error());
  INSULA_TRY(MappedFile made, MappedFile::create(unfinished_name(file), sizeof(Layout)));
  std::unique_ptr<MemberTable> table(new MemberTable(std::move(made), clock, std::move(used)));
  Layout& layout = table->layout();
  layout.magic = kMagic;
  for (std::uint64_t& word : layout.salt)
    word = system_random().below(UINT64_MAX);
  layout.axis.resume(clock, boot, 0);
  if (damaged) {
    layout.opens_at = layout.axis.now(clock) + std::chrono::nanoseconds(kRateWindow).count();
    table->began_full_ = true;
    INSULA_TRY_VOID(keep_damaged(file));
  }
  INSULA_TRY_VOID(put_in_place(file));
  return table;
}

void MemberTable::recover(std::string_view boot) {
  Layout& layout = this->layout();
  layout.axis.resume(clock_, boot, layout.newest);
  const std::int64_t now = layout.axis.now(clock_);
  for (std::size_t i = 0; i < kPlaces; ++i) {
    // The last one has no id.
    if (places_[i].id() == Id{} && i + 1 < kPlaces) continue;
    layout.windows[i].requests.recover(now / kRequestBucketNs);
    layout.windows[i].tokens.recover(now / kTokenBucketNs);
  }
}

void MemberTable::begin_budgets() {
  for (const auto& [member, sums] : used_) {
    const Id id = id_of(member);
    for (Place& place : set_of(id)) {
      if (place.id() != id) continue;
      place.budget().begin_with(sums);
      place.set_name(member);
    }
  }
}

void MemberTable::begin_budgets_anew(UsedThisMonth::ByName used) {
  {
    const std::lock_guard lock(used_mutex_);
    used_ = std::move(used);
  }
  // Of those who come at this moment the ledger has nothing yet.
  std::map<std::size_t, UsedSums> by_place;
  for (const auto& [member, sums] : used_) {
    const Id id = id_of(member);
    for (Place& place : set_of(id)) {
      if (place.id() == id) by_place[place.number()] = sums;
    }
  }
  for (std::size_t i = 0; i < kPlaces; ++i) {
    const auto sums = by_place.find(i);
    places_[i].budget().begin_anew(sums == by_place.end() ? UsedSums{} : sums->second);
  }
}

/// Where a member's place may be. Not by the bit that every id has.
std::span<MemberTable::Place> MemberTable::set_of(const Id& id) const {
  return {&places_[id.low % kSets * kSetSize], kSetSize};
}

MemberTable::Id MemberTable::id_of(std::string_view member) const {
  std::string text(reinterpret_cast<const char*>(layout().salt.data()), sizeof layout().salt);
  return hash_of<Id>(text.append(member));
}

/// The member's place, held once more; null when it has none.
MemberTable::Place* MemberTable::held(std::span<Place> set, const Id& id) const {
  for (Place& place : set) {
    if (place.id() != id || !place.hold()) continue;
    // It may have been given to another in between.
    if (place.id() == id) return &place;
    place.release();
  }
  return nullptr;
}

MemberTable::Place* MemberTable::take(std::span<Place> set, const Id& id, std::string_view member) {
  // One at a time, or a member that comes twice at once would get two places.
  while (taking_.test_and_set(std::memory_order_acquire))
    ::sched_yield();
  Place* taken = held(set, id);
  for (std::size_t i = 0; taken == nullptr && i < set.size(); ++i) {
    if (set[i].give_to(id, member)) taken = &set[i];
  }
  taking_.clear(std::memory_order_release);
  return taken;
}

MemberTable::Hold MemberTable::find(std::string_view member) {
  const Id id = id_of(member);
  const std::span<Place> set = set_of(id);
  if (Place* place = held(set, id); place != nullptr) {
    if (!place->has_name()) place->set_name(member);
    return Hold(*place);
  }
  if (Place* place = take(set, id, member); place != nullptr) return Hold(*place);
  without_place_.fetch_add(1, std::memory_order_relaxed);
  Place& shared = places_[kMembers];
  shared.hold();
  return Hold(shared);
}

void MemberTable::flush() {
  const bool wall_moved = layout().axis.note_wall(clock_);
  if (changed_.exchange(false) || wall_moved) file_.sync();
}

}  // namespace insula::gateway
