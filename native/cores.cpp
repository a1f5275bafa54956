#include "cores.hpp"

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace pullback {

namespace {

#ifdef __linux__

// The processors this thread may run on, those that share a core counted once. 0: unknown.
int cores_by_affinity() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
    std::set<std::string> cores;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        // What the kernel lists are the processors of one core: "0,32" or "0-1".
        std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                           "/topology/thread_siblings_list");
        std::string siblings;
        if (!(file >> siblings)) siblings = "cpu" + std::to_string(cpu);
        cores.insert(siblings);
    }
    return static_cast<int>(cores.size());
}

// Processors' worth of time that a file of the form "quota period" grants; 0: no limit.
double granted(const std::string& file) {
    std::ifstream text(file);
    double quota = 0, period = 0;  // "max" is no number, so no limit
    return text >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

double first_number(const std::string& file) {
    std::ifstream text(file);
    double number = 0;
    return text >> number ? number : 0;
}

// The smallest quota of this process's control group and those above it; 0: no limit.
double cores_by_quota() {
    double least = 0;
    const auto limit = [&](double cores) {
        if (cores > 0 && (least == 0 || cores < least)) least = cores;
    };
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (!line.starts_with("0::")) continue;
        for (std::string path = line.substr(3); !path.empty();) {
            limit(granted("/sys/fs/cgroup" + path + "/cpu.max"));
            const auto slash = path.find_last_of('/');
            path.resize(slash == std::string::npos ? 0 : slash);
        }
    }
    limit(granted("/sys/fs/cgroup/cpu.max"));
    const std::string first_version = "/sys/fs/cgroup/cpu/cpu.cfs_";
    const double period = first_number(first_version + "period_us");
    if (period > 0) limit(first_number(first_version + "quota_us") / period);
    return least;
}

#endif

}  // namespace

int usable_cores() {
    int cores = 0;
#ifdef __linux__
    cores = cores_by_affinity();
    if (const double quota = cores_by_quota(); quota > 0) {
        cores = std::min(std::max(cores, 1), std::max(1, static_cast<int>(std::ceil(quota))));
    }
#endif
    if (cores <= 0) cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::max(cores, 1);
}

}  // namespace pullback
