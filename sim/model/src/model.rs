//! The model as the checker wants it: which steps are possible, and what each does.

use stateright::{Model, Property};

use crate::action::Action;
use crate::config::Config;
use crate::ids::{CopyId, VoterId};
use crate::state::{State, epochs, voter_ids};
use crate::{candidate, disk, goals, invariants, lease, primary, read, replica, voter};

impl Model for Config {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for copy in self.copy_ids() {
            self.primary_actions(state, copy, actions);
            self.replica_actions(state, copy, actions);
            self.mishaps(state, copy, actions);
        }
        for voter in voter_ids() {
            self.voter_actions(state, voter, actions);
        }
        if read::can_answer(self, state) {
            actions.push(Action::AnswerRead);
        }
    }

    /// A step that changes nothing is none.
    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = *last;
        self.perform(&mut next, action);
        next.broken.epoch_went_back |= epoch_went_back(last, &next);
        next.voters.sort_unstable();
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Config>> {
        let mut all = invariants::all();
        all.extend(goals::all());
        all
    }
}

impl Config {
    fn primary_actions(&self, state: &State, copy: CopyId, actions: &mut Vec<Action>) {
        if primary::can_write(self, state, copy) {
            actions.push(Action::Write(copy));
        }
        if primary::can_sync(state, copy) {
            actions.push(Action::Sync(copy));
        }
        if primary::can_answer(self, state, copy) {
            actions.push(Action::AnswerSaved(copy));
        }
        actions
            .extend(primary::proposals(self, state, copy).into_iter().map(|set| Action::Propose(copy, set)));
        if read::can_ask(self, state, copy) {
            actions.push(Action::AskRead(copy));
        }
        for epoch in epochs() {
            for candidate in self.copy_ids().filter(|&c| voter::can_seat_vote(self, state, copy, c, epoch)) {
                actions.push(Action::SeatVote(copy, candidate, epoch));
            }
        }
    }

    fn replica_actions(&self, state: &State, copy: CopyId, actions: &mut Vec<Action>) {
        for epoch in epochs() {
            for offset in replica::receivable(self, state, copy, epoch) {
                actions.push(Action::Receive(copy, epoch, offset));
            }
            if replica::can_learn(self, state, copy, epoch) {
                actions.push(Action::Learn(copy, epoch));
            }
        }
        if candidate::can_stand(self, state, copy) {
            actions.push(Action::Stand(copy));
        }
        if state.copy(copy).standing {
            actions.push(Action::GiveUp(copy));
        }
        if candidate::can_win(self, state, copy) {
            actions.push(Action::Win(copy));
        }
        if read::can_confirm(state, copy) {
            actions.push(Action::ConfirmRead(copy));
        }
    }

    fn voter_actions(&self, state: &State, voter: VoterId, actions: &mut Vec<Action>) {
        for epoch in epochs() {
            for version in voter::notable(self, state, voter, epoch) {
                actions.push(Action::Note(voter, epoch, version));
            }
            for copy in self.copy_ids().filter(|&copy| voter::can_vote(self, state, voter, copy, epoch)) {
                actions.push(Action::Vote(voter, copy, epoch));
            }
        }
        for copy in self.copy_ids().filter(|&copy| lease::can_promise(self, state, voter, copy)) {
            actions.push(Action::Promise(voter, copy));
        }
        if state.voter(voter).promised != 0 {
            actions.push(Action::RunOut(voter));
        }
        if disk::can_crash(self, &state.spent) {
            actions.push(Action::CrashVoter(voter));
        }
    }

    fn mishaps(&self, state: &State, copy: CopyId, actions: &mut Vec<Action>) {
        if disk::can_crash(self, &state.spent) {
            actions.push(Action::Crash(copy));
        }
        if disk::can_lose_data(self, state, copy) {
            actions.push(Action::LoseData(copy));
        }
        if lease::can_freeze(self, state, copy) {
            actions.push(Action::Freeze(copy));
        }
        if state.copy(copy).frozen {
            actions.push(Action::Wake(copy));
        }
    }

    fn perform(&self, state: &mut State, action: Action) {
        match action {
            Action::Write(copy) => primary::write(state, copy),
            Action::Sync(copy) => primary::sync(state, copy),
            Action::Receive(copy, epoch, offset) => replica::receive(self, state, copy, epoch, offset),
            Action::Learn(copy, epoch) => replica::learn(state, copy, epoch),
            Action::AnswerSaved(copy) => primary::answer(self, state, copy),
            Action::Propose(copy, set) => primary::propose(state, copy, set),
            Action::Note(voter, epoch, version) => voter::note(state, voter, epoch, version),
            Action::Stand(copy) => candidate::stand(self, state, copy),
            Action::GiveUp(copy) => candidate::give_up(state, copy),
            Action::Vote(voter, copy, epoch) => voter::vote(state, voter, copy, epoch),
            Action::SeatVote(holder, copy, epoch) => voter::seat_vote(state, holder, copy, epoch),
            Action::Win(copy) => candidate::win(state, copy),
            Action::Promise(voter, copy) => lease::promise(state, voter, copy),
            Action::RunOut(voter) => lease::run_out(state, voter),
            Action::Freeze(copy) => lease::freeze(state, copy),
            Action::Wake(copy) => lease::wake(self, state, copy),
            Action::Crash(copy) => disk::crash(self, state, copy),
            Action::LoseData(copy) => disk::lose_data(self, state, copy),
            Action::CrashVoter(voter) => voter::crash(self, state, voter),
            Action::AskRead(copy) => read::ask(state, copy),
            Action::ConfirmRead(copy) => read::confirm(state, copy),
            Action::AnswerRead => read::answer(self, state),
        }
    }
}

fn epoch_went_back(last: &State, next: &State) -> bool {
    let copies = last.copies.iter().zip(&next.copies);
    let voters = last.voters.iter().zip(&next.voters);
    copies.into_iter().any(|(a, b)| b.current_epoch < a.current_epoch || b.config_epoch < a.config_epoch)
        || voters.into_iter().any(|(a, b)| b.last_vote < a.last_vote || b.config_epoch < a.config_epoch)
}
