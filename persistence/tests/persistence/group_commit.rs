//! One fsync for everybody who waits; the policies.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use persistence::{Fsync, Generation, When};
use shared::limits::FSYNC_INTERVAL_MS;
use shared::rt::time::{Duration, Instant};

use crate::folder::Folder;
use crate::model::{Keyspace, block_on, open, quiet, slot};

/// Polls once, with nobody to wake.
fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn one_fsync_serves_all_who_wait() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    let mut waiters: Vec<_> = (0..100u64)
        .map(|number| {
            let generation = keyspace.add(&store, slot(number as u16), number).unwrap().generation;
            let store = &store;
            Box::pin(async move { store.wait_durable(generation).await })
        })
        .collect();
    assert!(waiters.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()));
    // Somebody gives up: nobody minds.
    waiters.truncate(99);
    writer.step().unwrap();
    assert!(waiters.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()), "written is not durable");
    assert_eq!(syncer.step(Instant::now()).unwrap(), When::Woken);
    assert!(waiters.iter_mut().all(|waiter| matches!(poll(waiter.as_mut()), Poll::Ready(Ok(())))));
    assert_eq!(store.status().group_commits, 1);
}

#[test]
fn everysec_syncs_once_a_second_unless_somebody_waits() {
    let folder = Folder::new();
    let mut config = quiet(&folder);
    config.fsync = Fsync::EverySecond;
    let (store, keyspace, _) = open(&config).unwrap();
    let (mut writer, mut syncer) = store.drivers().unwrap();
    let start = Instant::now();
    let second = Duration::from_millis(FSYNC_INTERVAL_MS);
    let mut write = |number| {
        let generation = keyspace.add(&store, slot(1), number).unwrap().generation;
        writer.step().unwrap();
        assert_eq!(store.written(), generation);
        generation
    };
    assert_eq!(syncer.step(start).unwrap(), When::Woken, "nothing to do");
    let first = write(1);
    syncer.step(start).unwrap();
    assert_eq!(store.durable(), first);
    let second_one = write(2);
    assert_eq!(syncer.step(start + second / 2).unwrap(), When::At(start + second));
    assert_eq!(store.durable(), first);
    syncer.step(start + second).unwrap();
    assert_eq!(store.durable(), second_one);
    let third = write(3);
    let mut waiter = Box::pin(store.wait_durable(third));
    assert!(poll(waiter.as_mut()).is_pending());
    syncer.step(start + second * 5 / 4).unwrap();
    assert!(poll(waiter.as_mut()).is_ready(), "who waits starts the next fsync at once");
}

#[test]
fn no_syncs_only_for_who_waits_and_always_syncs_every_group() {
    for (fsync, commits) in [(Fsync::No, 0), (Fsync::Always, 3)] {
        let folder = Folder::new();
        let mut config = quiet(&folder);
        config.fsync = fsync;
        let (store, keyspace, _) = open(&config).unwrap();
        let (mut writer, mut syncer) = store.drivers().unwrap();
        for number in 0..3 {
            keyspace.add(&store, slot(1), number).unwrap();
            writer.step().unwrap();
            syncer.step(Instant::now()).unwrap();
        }
        assert_eq!(store.status().group_commits, commits);
        let mut waiter = Box::pin(store.wait_durable(store.written()));
        if poll(waiter.as_mut()).is_pending() {
            assert_eq!(fsync, Fsync::No);
            syncer.step(Instant::now()).unwrap();
            assert!(poll(waiter.as_mut()).is_ready());
        }
        store.set_fsync(Fsync::Always);
        keyspace.add(&store, slot(1), 9).unwrap();
        writer.step().unwrap();
        syncer.step(Instant::now()).unwrap();
        assert_eq!(store.status().group_commits, commits.max(1) + 1);
    }
}

#[test]
fn waiting_for_the_open_generation_covers_everything_appended_before() {
    let folder = Folder::new();
    let (store, keyspace, _) = open(&quiet(&folder)).unwrap();
    store.start().unwrap();
    block_on(async {
        store.wait_durable(Generation::NONE).await.unwrap();
        for number in 0..50u64 {
            keyspace.add(&store, slot(number as u16 * 100), number).unwrap();
            store.wait_durable(store.generation()).await.unwrap();
        }
        store.wait_written(store.generation()).await.unwrap();
    });
    let crashed = folder.copy();
    let (_other, recovered, _) = open(&quiet(&crashed)).unwrap();
    assert_eq!(recovered.state(), keyspace.state());
}

#[test]
fn many_tasks_on_two_threads_wait_for_their_own_and_are_grouped() {
    let folder = Folder::new();
    let mut config = quiet(&folder);
    config.fsync = Fsync::Always;
    let (store, keyspace, _) = open(&config).unwrap();
    store.start().unwrap();
    let work = |thread: u64, store: &persistence::Store, keyspace: &Keyspace| {
        block_on(async {
            for round in 0..20u64 {
                let waits: Vec<_> = (0..50u64)
                    .map(|task| keyspace.add(store, slot((task * 300) as u16), thread << 32 | round).unwrap())
                    .collect();
                for appended in waits {
                    store.wait_durable(appended.generation).await.unwrap();
                    assert!(store.durable() >= appended.generation);
                }
            }
        });
    };
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (work, store, keyspace) = (&work, &store, &keyspace);
            scope.spawn(move || work(thread, store, keyspace));
        }
    });
    let status = store.status();
    assert!((1..=2_000).contains(&status.group_commits), "{status:?}");
}

#[test]
fn a_pressed_caller_is_told_and_let_go_once_written() {
    let folder = Folder::new();
    let (store, _, _) = open(&quiet(&folder)).unwrap();
    let (mut writer, _syncer) = store.drivers().unwrap();
    let megabyte = vec![0; 8 << 20];
    let pressed: Vec<_> = (0..5)
        .map(|_| store.append(slot(0), |bytes| bytes.extend_from_slice(&megabyte)).unwrap().pressed)
        .collect();
    assert_eq!(pressed, [false, false, false, true, true]);
    assert!(!store.append(slot(1_024), |bytes| bytes.push(1)).unwrap().pressed, "another range");
    assert!(store.status().pending_bytes > 40 << 20);
    writer.step().unwrap();
    assert!(!store.append(slot(0), |bytes| bytes.push(1)).unwrap().pressed);
}
