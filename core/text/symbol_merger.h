// The merge loop shared by both kinds of BPE: the best pair of neighbours becomes one symbol until
// no pair is left.
//
//   start   h  e  l  l  o
//   merge   h  e  ll    o       best pair first; of equal pairs the leftmost
//   merge   he    ll    o
//
// Texts are shorter than 2 GiB, so that 32 bits hold every offset. Short sequences, which are the
// rule, look at every pair each time: cheaper than a queue. Long ones keep candidates in a heap, so
// that n symbols take O(n log n) steps.
#ifndef KINGLET_CORE_TEXT_SYMBOL_MERGER_H_
#define KINGLET_CORE_TEXT_SYMBOL_MERGER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kinglet {

struct Symbol {
  int32_t id;        // what the pair rule knows it by
  int32_t start;     // in bytes; neighbours touch
  int32_t length;    // in bytes; 0 once it was merged into its left neighbour
  int32_t previous;  // index, -1 at the left end
  int32_t next;      // index, -1 at the right end
};

// `Rule` has a type Priority, for which operator< means "merges first", and
//   bool Merge(const Symbol& left, const Symbol& right, Priority* priority, int32_t* merged_id)
//   const;
// which says whether two neighbours may merge.
//
// Not thread safe: one for each call that encodes, reused from piece to piece to save allocations.
template <typename Rule>
class SymbolMerger {
 public:
  explicit SymbolMerger(const Rule* rule) : rule_(rule) {}

  void Clear() { symbols_.clear(); }

  // Appends a symbol to the right end; the bytes before it must be those of the symbol before.
  void Append(int32_t id, int32_t start, int32_t length) {
    const int32_t index = static_cast<int32_t>(symbols_.size());
    if (index > 0) symbols_.back().next = index;
    symbols_.push_back({id, start, length, index - 1, -1});
  }

  // Merges all symbols appended since Clear, and calls visit(symbol) for each of those that are
  // left, from left to right.
  template <typename Visit>
  void MergeAndVisit(Visit visit) {
    if (symbols_.empty()) return;
    if (symbols_.size() <= kShortCount) {
      MergeByScan();
    } else {
      MergeByHeap();
    }
    for (int32_t at = 0; at >= 0; at = symbols_[at].next) visit(symbols_[at]);
  }

 private:
  // Measured on English and Chinese text: the heap starts to pay between 24 and 48 symbols.
  static constexpr size_t kShortCount = 32;

  struct Candidate {
    typename Rule::Priority priority;
    int32_t left;
    int32_t right;
    int32_t length;  // of both symbols when it was made: tells whether it is still current
    int32_t merged_id;
  };

  // For std::push_heap, whose top is the largest.
  static bool Later(const Candidate& a, const Candidate& b) {
    if (b.priority < a.priority) return true;
    if (a.priority < b.priority) return false;
    return a.left > b.left;
  }

  bool CandidateAt(int32_t left, Candidate* candidate) const {
    const Symbol& left_symbol = symbols_[left];
    if (left_symbol.next < 0) return false;
    const Symbol& right_symbol = symbols_[left_symbol.next];
    candidate->left = left;
    candidate->right = left_symbol.next;
    candidate->length = left_symbol.length + right_symbol.length;
    return rule_->Merge(left_symbol, right_symbol, &candidate->priority, &candidate->merged_id);
  }

  void Apply(const Candidate& candidate) {
    Symbol& left = symbols_[candidate.left];
    Symbol& right = symbols_[candidate.right];
    left.id = candidate.merged_id;
    left.length = candidate.length;
    left.next = right.next;
    if (right.next >= 0) symbols_[right.next].previous = candidate.left;
    right.length = 0;
  }

  void MergeByScan() {
    const size_t count = symbols_.size();
    scan_.resize(count);
    has_candidate_.resize(count);
    for (size_t i = 0; i < count; i++) {
      has_candidate_[i] = CandidateAt(static_cast<int32_t>(i), &scan_[i]);
    }
    while (true) {
      int32_t best = -1;
      for (int32_t at = 0; at >= 0; at = symbols_[at].next) {
        if (has_candidate_[at] && (best < 0 || scan_[at].priority < scan_[best].priority)) {
          best = at;
        }
      }
      if (best < 0) return;
      Apply(scan_[best]);
      has_candidate_[best] = CandidateAt(best, &scan_[best]);
      const int32_t previous = symbols_[best].previous;
      if (previous >= 0) has_candidate_[previous] = CandidateAt(previous, &scan_[previous]);
    }
  }

  void Push(int32_t left) {
    Candidate candidate;
    if (left < 0 || !CandidateAt(left, &candidate)) return;
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }

  void MergeByHeap() {
    heap_.clear();
    for (size_t i = 0; i + 1 < symbols_.size(); i++) {
      Candidate candidate;
      if (CandidateAt(static_cast<int32_t>(i), &candidate)) heap_.push_back(candidate);
    }
    std::make_heap(heap_.begin(), heap_.end(), Later);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      const Candidate candidate = heap_.back();
      heap_.pop_back();
      const Symbol& left = symbols_[candidate.left];
      const Symbol& right = symbols_[candidate.right];
      const bool current = left.length > 0 && right.length > 0 && left.next == candidate.right &&
                           left.length + right.length == candidate.length;
      if (!current) continue;
      Apply(candidate);
      Push(symbols_[candidate.left].previous);
      Push(candidate.left);
    }
  }

  const Rule* rule_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> scan_;  // by index of the left symbol
  std::vector<char> has_candidate_;
  std::vector<Candidate> heap_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_SYMBOL_MERGER_H_
