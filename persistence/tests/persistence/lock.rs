//! One process a directory.

use persistence::Error;

use crate::child::{Child, KEEP_OPEN};
use crate::folder::Folder;
use crate::model::{open, quiet};

#[test]
fn a_directory_is_open_once_in_a_process() {
    let folder = Folder::new();
    let (store, ..) = open(&quiet(&folder)).unwrap();
    let Err(Error::InUse { dir, owner }) = open(&quiet(&folder)).map(drop) else { panic!("opened twice") };
    assert_eq!((dir.as_path(), owner), (folder.path(), Some(std::process::id().to_string())));
    store.close().unwrap();
    drop(store);
    open(&quiet(&folder)).unwrap();
}

#[test]
fn another_process_is_refused_until_the_first_is_dead() {
    let folder = Folder::new();
    let mut child = Child::start(KEEP_OPEN, &folder);
    assert_eq!(child.line(), "open");
    let Err(error) = open(&quiet(&folder)).map(drop) else { panic!("opened twice") };
    assert!(error.to_string().contains(&format!("in use by another process ({})", child.id())), "{error}");
    child.kill();
    open(&quiet(&folder)).unwrap();
}
