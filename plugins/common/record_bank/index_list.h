// Doubly linked lists over the numbers 0..n-1, several lists sharing one pair of link arrays: a
// number is in one list of a family at most. No allocation after construction. Not thread safe.
#ifndef KINGLET_PLUGINS_COMMON_RECORD_BANK_INDEX_LIST_H_
#define KINGLET_PLUGINS_COMMON_RECORD_BANK_INDEX_LIST_H_

#include <cstdint>
#include <vector>

namespace record_bank {

inline constexpr uint32_t kNone = UINT32_MAX;

struct IndexLinks {
  explicit IndexLinks(uint32_t count) : previous(count, kNone), next(count, kNone) {}
  std::vector<uint32_t> previous, next;
};

class IndexList {
 public:
  // `links` outlives the list.
  explicit IndexList(IndexLinks* links) : links_(links) {}

  bool empty() const { return size_ == 0; }
  uint32_t size() const { return size_; }
  uint32_t front() const { return front_; }  // kNone when empty
  uint32_t back() const { return back_; }
  uint32_t After(uint32_t index) const { return links_->next[index]; }

  // `index` is in no list of the family.
  void PushBack(uint32_t index) {
    links_->previous[index] = back_;
    links_->next[index] = kNone;
    (back_ == kNone ? front_ : links_->next[back_]) = index;
    back_ = index;
    ++size_;
  }
  // `index` is in this list.
  void Remove(uint32_t index) {
    const uint32_t previous = links_->previous[index];
    const uint32_t next = links_->next[index];
    (previous == kNone ? front_ : links_->next[previous]) = next;
    (next == kNone ? back_ : links_->previous[next]) = previous;
    --size_;
  }
  void MoveToBack(uint32_t index) {
    Remove(index);
    PushBack(index);
  }

 private:
  IndexLinks* links_;
  uint32_t front_ = kNone;
  uint32_t back_ = kNone;
  uint32_t size_ = 0;
};

}  // namespace record_bank

#endif  // KINGLET_PLUGINS_COMMON_RECORD_BANK_INDEX_LIST_H_
