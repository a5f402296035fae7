#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/limits.h"
#include "gateway/mapped_file.h"

namespace insula::gateway {

/// What the limits of a tenant's members count, in one memory-mapped file of a fixed size, however
/// many subjects an issuer makes up.
///
/// A member is the subject of a token. It gets a place with its first request, found by a salted
/// hash in one of sixteen, and gives it up to another one once it has no request running and has
/// used up nothing in the last window and nothing of its budgets this month. Members for whom no
/// place is left share one: together they may do what one may, so nobody gets more by coming under
/// many names.
///
/// Each place has a window of requests and one of tokens, see MemberWindow, over a DurableAxis: a
/// killed process forgets nothing. A file that is not ours is kept as `file`.damaged, and the one
/// that takes its place admits nothing for one window.
///
/// Where gateways share limits, a place also has the name under which the others know its member:
/// a hash without salt, which says nothing of where a place is. The first format had no such names;
/// a member of it gets its own when it comes again.
///
/// Threads: find() and what it returns from any. A member that has its place is found without a
/// wait; one that gets a place waits while another does. open() and flush() from one at a time.
/// Lifetime: the clock outlives the table.
class MemberTable {
 public:
  static constexpr std::size_t kMembers = 4096;

  /// `used`: what members have used this month, as the ledger has it, with which their budgets
  /// begin. Errors: fail_errno.
  static Result<std::unique_ptr<MemberTable>> open(const std::filesystem::path& file,
                                                   const Clock& clock,
                                                   std::string_view boot,
                                                   UsedThisMonth::ByName used);
  ~MemberTable();
  MemberTable(const MemberTable&) = delete;
  MemberTable& operator=(const MemberTable&) = delete;

 private:
  class Place;

 public:
  /// One request's hold on its member's place, which stays the member's meanwhile.
  class Hold {
   public:
    explicit Hold(Place& place) : place_(&place) {}

    Hold(Hold&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}

    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    Hold& operator=(Hold&&) = delete;
    ~Hold();

    /// What its requests are held to. Lifetime: the hold's.
    [[nodiscard]] Limits limits(const LimitConfig& most) const;

    /// Which of the table's places it is.
    [[nodiscard]] std::size_t place() const;

    /// What the member is called where gateways share limits: 22 characters, or `others` for all
    /// who have no place.
    [[nodiscard]] std::string shared_name() const;

   private:
    Place* place_;
  };

  [[nodiscard]] Hold find(std::string_view member);

  /// What is in use of a place's limits, for whoever shares them. As long as there is one the place
  /// is given to no other member, and the table is there. Threads: any.
  class Watch {
   public:
    /// Requires: a hold on the place.
    Watch(std::shared_ptr<MemberTable> table, std::size_t place);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    [[nodiscard]] std::int64_t requests() const;
    [[nodiscard]] std::int64_t tokens() const;
    [[nodiscard]] std::int64_t running() const;
    [[nodiscard]] BudgetAccount& budget() const;

   private:
    const std::shared_ptr<MemberTable> table_;
    Place& place_;
  };

  /// Calls `f` for each place whose member has a shared name, and for that of all others.
  void for_each_named(const std::function<void(const Hold&)>& f);

  /// The tenant is another of the same name from here on, whose members have used that.
  void begin_budgets_anew(UsedThisMonth::ByName used);

  /// Times that a member found no place of its own.
  [[nodiscard]] std::uint64_t without_place() const { return without_place_; }

  /// Its file was damaged: the file is kept beside a new one, which admits nobody for one window,
  /// since what was used in the last one is not known.
  [[nodiscard]] bool began_full() const { return began_full_; }

  /// Writes the file to the disk when something changed. Blocking.
  void flush();

 private:
  struct Layout;
  struct Id;

  MemberTable(MappedFile file, const Clock& clock, UsedThisMonth::ByName used);
  [[nodiscard]] Layout& layout() const;
  void recover(std::string_view boot);
  /// Gives those who have a place what they have used.
  void begin_budgets();
  [[nodiscard]] Id id_of(std::string_view member) const;
  static Result<MappedFile> converted(const std::filesystem::path& file, const MappedFile& first);
  [[nodiscard]] Place* held(std::span<Place> set, const Id& id) const;
  [[nodiscard]] Place* take(std::span<Place> set, const Id& id, std::string_view member);
  [[nodiscard]] std::span<Place> set_of(const Id& id) const;

  MappedFile file_;
  const Clock& clock_;
  /// Guards what members have used, which is read when one gets a place.
  std::mutex used_mutex_;
  UsedThisMonth::ByName used_;
  bool began_full_ = false;
  /// One for each member, and that of all others.
  std::unique_ptr<Place[]> places_;
  std::atomic_flag taking_;
  std::atomic<std::uint64_t> without_place_{0};
  std::atomic<bool> changed_{false};
};

}  // namespace insula::gateway
