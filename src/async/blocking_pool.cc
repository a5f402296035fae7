#include "async/blocking_pool.h"

namespace insula {

BlockingPool::BlockingPool(unsigned threads) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i)
    threads_.emplace_back([this] { work(); });
}

BlockingPool::~BlockingPool() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

void BlockingPool::submit(std::move_only_function<void()> call) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(call));
  }
  wake_.notify_one();
}

void BlockingPool::work() {
  for (;;) {
    std::move_only_function<void()> call;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      call = std::move(queue_.front());
      queue_.pop_front();
    }
    call();
  }
}

}  // namespace insula
