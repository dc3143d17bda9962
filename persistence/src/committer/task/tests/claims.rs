//! Entities, keys and external references: a batch has one append of each.

use fritzy_domain::ExternalReference;
use futures_util::future::join_all;

use super::*;
use crate::committer::TakenReference;

#[tokio::test]
async fn appends_of_one_entity_or_key_are_in_separate_batches() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    let key = fritzy_domain::Fingerprint([0; 16]);
    let keyed = |number: u128| Append {
        command: CommandId::from_uuid(Uuid::from_u128(77)),
        fingerprint: Some(key),
        ..append(number)
    };
    let outcomes: Vec<_> = [append(1), append(1), keyed(2), keyed(3), append(4)]
        .map(|append| fixture.committer.append(append))
        .into();
    fixture.permit_commits(AMPLE);
    for outcome in outcomes {
        assert!(outcome.await.is_ok());
    }
    assert_eq!(fixture.batch_lens(), [1, 2, 2]);
}

/// The creation of an account with an external reference.
fn referenced(number: u128, reference: &str) -> Append {
    let mut append = append(number);
    let reference = ExternalReference::parse(reference).expect("valid");
    for (_, event) in &mut append.events {
        if let Event::Account(AccountEvent::Created(created)) = event {
            created.external_reference = Some(reference.clone());
        }
    }
    append.state.annotations_mut().external_reference = Some(reference);
    append
}

/// Until the first is committed, nobody has the reference.
#[tokio::test]
async fn claims_of_one_reference_are_in_separate_batches() {
    let fixture = fixture(CommitterConfig::default(), vec![], None);
    let outcomes: Vec<_> = [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "c")]
        .map(|(number, reference)| fixture.committer.append(referenced(number, reference)))
        .into();
    fixture.permit_commits(AMPLE);
    for outcome in outcomes {
        assert!(outcome.await.is_ok());
    }
    assert_eq!(fixture.batch_lens(), [2, 3]);
}

#[tokio::test]
async fn taken_reference_fails_alone_and_names_its_holder() {
    let holder = entity(9);
    let taken = vec![TakenReference { index: 1, holder }];
    let failures = vec![BatchError::ReferencesTaken(taken)];
    let fixture = fixture(CommitterConfig::default(), failures, None);
    let outcomes: Vec<_> = [(1, "a"), (2, "b"), (3, "c")]
        .map(|(number, reference)| fixture.committer.append(referenced(number, reference)))
        .into();
    fixture.permit_commits(AMPLE);
    let outcomes = join_all(outcomes).await;
    assert_eq!(outcomes[1], Err(AppendError::ReferenceTaken { holder }));
    let positions = [0, 2].map(|index| outcomes[index].clone().map(|at| at.first));
    assert_eq!(positions, [Ok(1), Ok(2)]);
}
