//! Rows with values that no release writes: they keep nobody from the others, and a check names them.

use crate::support::Home;
use msb::sandbox::filter::SandboxFilter;
use msb::storage::fsck::fsck;
use msb::volume::filter::VolumeFilter;
use rusqlite::Connection;

#[test]
fn one_damaged_row_hides_no_other_and_a_check_names_it() {
    let home = Home::new();
    for name in ["a", "b", "c", "d"] {
        home.volume(name);
        home.sandbox(name);
    }
    let conn = Connection::open(home.at("db/msb.db")).unwrap();
    conn.execute_batch(
        "UPDATE volume SET kind = 'tape' WHERE name = 'b';
         UPDATE volume SET labels = x'ff' WHERE name = 'd';
         UPDATE sandbox SET config = '{\"name\":' WHERE name = 'b';
         UPDATE sandbox SET status = 'Dreaming' WHERE name = 'c';",
    )
    .unwrap();
    drop(conn);
    for limit in [1, 2, 100] {
        let mut volumes = Vec::new();
        let mut filter = VolumeFilter {
            limit,
            ..VolumeFilter::default()
        };
        loop {
            let page = msb::volume::list::list(&home.backend, &filter).unwrap();
            volumes.extend(page.volumes.into_iter().map(|volume| volume.name));
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(volumes, ["a", "c"], "{limit} to a page");
        let mut sandboxes = Vec::new();
        let mut filter = SandboxFilter {
            limit,
            ..SandboxFilter::default()
        };
        loop {
            let page = msb::sandbox::list::list(&home.backend, &filter).unwrap();
            sandboxes.extend(page.sandboxes.into_iter().map(|sandbox| sandbox.name));
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(sandboxes, ["a", "d"], "{limit} to a page");
    }
    for repair in [false, true] {
        let found = fsck(&home.backend, repair).unwrap();
        let mut named: Vec<_> = found
            .iter()
            .map(|finding| (finding.name.as_str(), finding.action.name()))
            .collect();
        named.sort();
        assert_eq!(
            named,
            [("b", "none"), ("b", "none"), ("c", "none"), ("d", "none")],
            "{found:?}"
        );
        assert!(
            found.iter().all(|finding| finding.reason.contains(&finding.name)),
            "{found:?}"
        );
    }
    for name in ["a", "b", "c", "d"] {
        assert!(home.at("volumes").join(name).is_dir() && home.at("sandboxes").join(name).is_dir());
    }
}
