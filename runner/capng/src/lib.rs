//! The part of the registry's crate `capng` that `virtiofsd` calls, without the C library behind it.
//!
//! As there, calls change a set kept by this thread, and [`apply`] hands the set to the kernel.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use rustix::thread::{capability_is_in_bounding_set, remove_capability_from_bounding_set};
use std::cell::Cell;
use std::ops::BitOr;
use thiserror::Error;

const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

thread_local! {
    static SETS: Cell<Option<CapabilitySets>> = const { Cell::new(None) };
    static BOUNDING: Cell<CapabilitySet> = const { Cell::new(CapabilitySet::all()) };
}

/// Number of a capability, as in `linux/capability.h`.
pub type Capability = u32;
/// Result of every call that can fail.
pub type Result<T> = std::result::Result<T, CapabilityError>;

/// A call that failed.
#[derive(Debug, Error)]
pub enum CapabilityError {
    /// The kernel refused to tell or to change.
    #[error("the kernel refused to read or change capabilities")]
    Kernel(#[from] rustix::io::Errno),
    /// No capability of that name or number.
    #[error("there is no capability `{0}`")]
    Unknown(String),
}

/// Whether [`update`] adds or takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Takes away.
    DROP,
    /// Adds.
    ADD,
}

/// Which sets of one thread [`update`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type(u32);

impl Type {
    /// What counts now.
    pub const EFFECTIVE: Self = Self(1);
    /// What may be made effective.
    pub const PERMITTED: Self = Self(2);
    /// What may survive an exec.
    pub const INHERITABLE: Self = Self(4);
    /// What an exec may grant.
    pub const BOUNDING_SET: Self = Self(8);

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Type {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which groups of sets [`clear`] and [`apply`] mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// The thread's own three.
    CAPS,
    /// The bounding set.
    BOUNDS,
    /// Both.
    BOTH,
}

/// One change.
#[derive(Debug, Clone, Copy)]
pub struct CUpdate {
    /// Add or take away.
    pub action: Action,
    /// From which sets.
    pub cap_type: Type,
    /// What.
    pub capability: Capability,
}

/// The kept sets; until a call says otherwise, those that this thread has.
fn kept() -> CapabilitySets {
    SETS.get().or_else(|| capabilities(None).ok()).unwrap_or(NONE)
}

/// Empties the kept sets.
pub fn clear(set: Set) {
    if set != Set::BOUNDS {
        SETS.set(Some(NONE));
    }
    if set != Set::CAPS {
        BOUNDING.set(CapabilitySet::empty());
    }
}

/// Reads this thread's sets from the kernel.
pub fn get_caps_process() -> Result<()> {
    SETS.set(Some(capabilities(None)?));
    let mut bounding = CapabilitySet::empty();
    for capability in CapabilitySet::all().iter() {
        // A kernel older than this list answers EINVAL for what it does not know.
        if capability_is_in_bounding_set(capability).unwrap_or(false) {
            bounding |= capability;
        }
    }
    BOUNDING.set(bounding);
    Ok(())
}

/// Changes the kept sets.
pub fn update(updates: Vec<CUpdate>) -> Result<()> {
    for CUpdate {
        action,
        cap_type,
        capability,
    } in updates
    {
        let unknown = || CapabilityError::Unknown(capability.to_string());
        let bit = 1u64
            .checked_shl(capability)
            .and_then(CapabilitySet::from_bits)
            .ok_or_else(unknown)?;
        let mut sets = kept();
        let mut bounding = BOUNDING.get();
        for (kind, set) in [
            (Type::EFFECTIVE, &mut sets.effective),
            (Type::PERMITTED, &mut sets.permitted),
            (Type::INHERITABLE, &mut sets.inheritable),
            (Type::BOUNDING_SET, &mut bounding),
        ] {
            if cap_type.has(kind) {
                set.set(bit, action == Action::ADD);
            }
        }
        SETS.set(Some(sets));
        BOUNDING.set(bounding);
    }
    Ok(())
}

/// Hands the kept sets to the kernel.
pub fn apply(set: Set) -> Result<()> {
    if set != Set::CAPS {
        let keep = BOUNDING.get();
        for capability in CapabilitySet::all().iter() {
            if !keep.contains(capability) && capability_is_in_bounding_set(capability).unwrap_or(false) {
                remove_capability_from_bounding_set(capability)?;
            }
        }
    }
    if set != Set::BOUNDS {
        set_capabilities(None, kept())?;
    }
    Ok(())
}

/// Whether the kept sets of kind `cap_type` hold `capability`.
pub fn have_capability(cap_type: Type, capability: Capability) -> bool {
    let Some(bit) = 1u64.checked_shl(capability).and_then(CapabilitySet::from_bits) else {
        return false;
    };
    let sets = kept();
    [
        (Type::EFFECTIVE, sets.effective),
        (Type::PERMITTED, sets.permitted),
        (Type::INHERITABLE, sets.inheritable),
        (Type::BOUNDING_SET, BOUNDING.get()),
    ]
    .iter()
    .all(|&(kind, set)| !cap_type.has(kind) || set.contains(bit))
}

/// Number of the capability `name`, written without `CAP_` and in any case.
pub fn name_to_capability(name: &str) -> Result<Capability> {
    CapabilitySet::all()
        .iter_names()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, bit)| bit.bits().trailing_zeros())
        .ok_or_else(|| CapabilityError::Unknown(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_kernels_numbers() {
        for (name, number) in [("CHOWN", 0), ("dac_override", 1), ("SYS_ADMIN", 21)] {
            assert_eq!(name_to_capability(name).unwrap(), number);
        }
        assert!(name_to_capability("NO_SUCH").is_err());
    }

    #[test]
    fn applying_what_was_read_changes_nothing() {
        let before = capabilities(None).unwrap();
        get_caps_process().unwrap();
        apply(Set::CAPS).unwrap();
        assert_eq!(capabilities(None).unwrap(), before);
    }

    #[test]
    fn a_dropped_capability_is_gone_from_this_thread() {
        let effective = std::thread::spawn(|| {
            get_caps_process().unwrap();
            let capability = name_to_capability("SYS_ADMIN").unwrap();
            update(vec![CUpdate {
                action: Action::DROP,
                cap_type: Type::EFFECTIVE,
                capability,
            }])
            .unwrap();
            apply(Set::CAPS).unwrap();
            capabilities(None).unwrap().effective
        });
        assert!(!effective.join().unwrap().contains(CapabilitySet::SYS_ADMIN));
    }
}
