// How many cores this process may use.

#pragma once

namespace pullback {

// Physical cores among the processors it may run on, no more than the time that its control group
// grants it; at least 1.
int usable_cores();

}  // namespace pullback
