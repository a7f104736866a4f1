//! How nodes notice that one is gone, and that it is back.

use super::network::{Network, TIMEOUT_MS};
use crate::topology::Health;

fn silence(network: &mut Network, node: usize) {
    network.silent[node] = true;
}

fn wake(network: &mut Network, node: usize) {
    network.silent[node] = false;
}

#[test]
fn a_silent_node_is_suspected_after_the_timeout_and_failed_by_the_majority() {
    let mut network = Network::formed(3, 1);
    silence(&mut network, 2);
    network.run(TIMEOUT_MS - 100);
    assert!(!network.failed(0, 2), "not before the timeout");
    assert!(network.run_until(2 * TIMEOUT_MS, |n| n.failed(0, 2) && n.failed(1, 2)));
    assert!(!network.engines[0].up() && !network.engines[1].up(), "its slots are not served");
}

#[test]
fn one_node_that_suspects_alone_fails_nobody() {
    let mut network = Network::formed(5, 2);
    // Node 0 hears nobody; the other four hear each other.
    silence(&mut network, 0);
    network.run(3 * TIMEOUT_MS);
    assert!((1..5).all(|n| network.failed(n, 0)));
    let (back, before) = (0, network.engines[0].topology().clone());
    assert!(
        before.peers().all(|p| !matches!(p.health, Health::Failed { .. })),
        "a minority of one decides nothing"
    );
    wake(&mut network, back);
    assert!(network.run_until(10 * TIMEOUT_MS, Network::all_up));
}

#[test]
fn a_minority_primary_stops_and_comes_back_with_the_majority() {
    let mut network = Network::formed(3, 3);
    silence(&mut network, 1);
    silence(&mut network, 2);
    assert!(network.run_until(3 * TIMEOUT_MS, |n| !n.engines[0].up()));
    assert!(!network.failed(0, 1) && network.health(0, 1) == Health::Suspected);
    wake(&mut network, 1);
    wake(&mut network, 2);
    assert!(network.run_until(10 * TIMEOUT_MS, Network::all_up));
}

#[test]
fn a_primary_that_answers_again_is_taken_back_after_two_timeouts_not_before() {
    let mut network = Network::formed(3, 4);
    silence(&mut network, 2);
    assert!(network.run_until(3 * TIMEOUT_MS, |n| n.failed(0, 2)));
    let failed_at = network.now;
    wake(&mut network, 2);
    assert!(network.run_until(10 * TIMEOUT_MS, |n| !n.failed(0, 2)));
    assert!(network.now - failed_at > 2 * TIMEOUT_MS);
    assert!(network.run_until(10 * TIMEOUT_MS, Network::all_up));
}

#[test]
fn a_short_break_of_all_links_fails_nobody() {
    let mut network = Network::formed(4, 5);
    for node in 0..4 {
        network.cut(node);
    }
    let failed = |n: &Network| (0..4).any(|a| (0..4).any(|b| n.failed(a, b)) || !n.engines[a].up());
    assert!(!network.run_until(5 * TIMEOUT_MS, failed));
}

#[test]
fn a_link_that_owes_a_pong_is_made_anew_although_the_peer_is_heard_on_its_own() {
    let mut network = Network::formed(3, 9);
    let asked_on =
        |n: &Network, of| n.engines[0].topology().member(n.id(of)).and_then(|m| m.contact.open_link());
    let old = [asked_on(&network, 1), asked_on(&network, 2)];
    network.deaden(0);
    network.run(4 * TIMEOUT_MS);
    assert!(asked_on(&network, 1) != old[0] && asked_on(&network, 2) != old[1]);
    let now = crate::topology::Moment::from_ms(network.now);
    assert!(network.engines[0].leased_until().is_some_and(|until| until > now), "it may answer again");
}

#[test]
fn a_restarted_node_serves_only_after_it_has_heard_a_majority() {
    let mut network = Network::formed(3, 6);
    silence(&mut network, 1);
    silence(&mut network, 2);
    network.restart(0);
    network.run(5 * TIMEOUT_MS);
    assert!(!network.engines[0].up(), "it knows nothing of the others since its start");
    wake(&mut network, 1);
    wake(&mut network, 2);
    assert!(network.run_until(10 * TIMEOUT_MS, Network::all_up));
}

#[test]
fn reports_lose_their_validity() {
    let mut network = Network::formed(5, 7);
    silence(&mut network, 4);
    assert!(network.run_until(3 * TIMEOUT_MS, |n| n.failed(0, 4)));
    let (id, now) = (network.id(4), crate::topology::Moment::from_ms(network.now));
    // Who counts the majority itself has heard of it from two others; who is told has not, perhaps.
    let judge = network.engines[..4].iter().find(|engine| engine.failure_reports(id, now) >= 2);
    assert_eq!(judge.map(|engine| engine.failure_reports(id, now.after(2 * TIMEOUT_MS + 1))), Some(0));
}

#[test]
fn without_full_coverage_the_rest_goes_on_serving() {
    let mut network = Network::formed(3, 8);
    for node in 0..3 {
        network.configure(node, |settings| settings.require_full_coverage = false);
    }
    silence(&mut network, 2);
    network.run(4 * TIMEOUT_MS);
    assert!(network.failed(0, 2) && network.engines[0].up() && network.engines[1].up());
}
