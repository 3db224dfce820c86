// What special tokens are called. Files do not say reliably what a token is for, so the customary
// names have to.
#ifndef KINGLET_CORE_TEXT_TOKEN_NAMES_H_
#define KINGLET_CORE_TEXT_TOKEN_NAMES_H_

#include "absl/strings/string_view.h"

namespace kinglet {

// Whether a token spelled like this shapes a conversation, whatever type the file gives it: <|...|>
// and a few others.
bool LooksStructural(absl::string_view text);

// Whether a control token spelled like this ends an answer.
bool EndsATurn(absl::string_view text);

}  // namespace kinglet

#endif  // KINGLET_CORE_TEXT_TOKEN_NAMES_H_
