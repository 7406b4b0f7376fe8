//! [`free_memory`]: the memory that this process may still take.

use std::path::{Path, PathBuf};

use crate::files::text_of_system;

/// Returns the bytes of memory that this process may still take: the least of the machine's free
/// memory, the limits of its control groups (a container), and `ulimit -v`. `None` if the system
/// does not tell.
pub(crate) fn free_memory() -> Option<u64> {
    [of_machine(), of_groups(), of_address_space()].into_iter().flatten().min()
}

/// Returns the machine's free memory, including caches that can be dropped.
fn of_machine() -> Option<u64> {
    kibibytes(&text_of_system(Path::new("/proc/meminfo"))?, "MemAvailable:")
}

/// Returns the free address space below the limit of the process (`ulimit -v`).
fn of_address_space() -> Option<u64> {
    let limit = address_space(&text_of_system(Path::new("/proc/self/limits"))?)?;
    let used = kibibytes(&text_of_system(Path::new("/proc/self/status"))?, "VmSize:")?;
    Some(limit.saturating_sub(used))
}

/// Parses the soft limit of address space; `None` if it is unlimited.
fn address_space(limits: &str) -> Option<u64> {
    number_after(limits, "Max address space")
}

/// Returns the least free memory of the control groups of this process and the groups around them.
fn of_groups() -> Option<u64> {
    let groups = text_of_system(Path::new("/proc/self/cgroup"))?;
    let folders = groups.lines().filter_map(Group::of_line);
    folders.flat_map(|group| group.free()).min()
}

/// A control group of memory.
#[derive(Debug, PartialEq)]
struct Group {
    /// The mount point of its version's file system.
    root: &'static str,
    /// Its folder below the mount point.
    path: PathBuf,
    /// Its files: limit, use, and the line of `memory.stat` with the caches that can be dropped.
    files: [&'static str; 3],
}

impl Group {
    /// Parses a line of `/proc/self/cgroup`, `NUMBER:CONTROLLERS:PATH`; `None` if the group does
    /// not limit memory.
    fn of_line(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let (root, files) = match controllers {
            "" => ("/sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file "]),
            list if list.split(',').any(|name| name == "memory") => (
                "/sys/fs/cgroup/memory",
                ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "],
            ),
            _ => return None,
        };
        Some(Self { root, path: PathBuf::from(path.trim_start_matches('/')), files })
    }

    /// Returns the free memory of the group and of each group around it. In a container the group's
    /// own folder may be the root.
    fn free(&self) -> Vec<u64> {
        let free = |folder: &Path| {
            let text = |name: &str| text_of_system(&folder.join(name));
            let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
            let (limit, used) = (number(self.files[0])?, number(self.files[1])?);
            let caches = text("memory.stat").and_then(|stat| number_after(&stat, self.files[2]));
            Some(limit.saturating_sub(used.saturating_sub(caches.unwrap_or(0))))
        };
        let around = self.path.ancestors();
        around.filter_map(|path| free(&Path::new(self.root).join(path))).collect()
    }
}

/// Returns the number of KiB behind `name` at the beginning of a line, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    number_after(text, name)?.checked_mul(1024)
}

/// Returns the number behind `name` at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_as_linux_writes_it() {
        let meminfo = "MemTotal:       16384 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(kibibytes(meminfo, "MemAvailable:"), Some(1 << 20));
        let limits = |soft: &str| {
            format!(
                "Limit   Soft Limit   Hard Limit   Units\nMax address space   {soft}   unlimited   bytes\n"
            )
        };
        assert_eq!(address_space(&limits("4096000")), Some(4_096_000));
        assert_eq!(address_space(&limits("unlimited")), None);
        assert!(free_memory().is_none_or(|free| free > 0));
    }

    #[test]
    fn control_groups_of_either_version_are_found() {
        let of = |line| Group::of_line(line).map(|group| (group.root, group.path));
        assert_eq!(of("0::/a/b"), Some(("/sys/fs/cgroup", PathBuf::from("a/b"))));
        assert_eq!(of("4:cpu,memory:/a"), Some(("/sys/fs/cgroup/memory", PathBuf::from("a"))));
        assert_eq!(of("3:cpuset:/a"), None);
    }
}
