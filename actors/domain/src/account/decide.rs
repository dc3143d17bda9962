//! How an account decides a command.

use super::{
    Account, AccountAnnotated, AccountClosed, AccountCommand, AccountCreated, AccountEvent,
    AccountPersonal, AccountRenamed,
};
use crate::{DecisionContext, Entity, Rejection, text::check_name};

impl Entity for Account {
    type Command = AccountCommand;
    type Event = AccountEvent;

    fn decide(
        state: Option<&Self>,
        command: AccountCommand,
        context: &DecisionContext,
    ) -> Result<Vec<AccountEvent>, Rejection> {
        let event = match (state, command) {
            (None, AccountCommand::Create { name, annotations }) => {
                check_name(&name, "name")?;
                AccountEvent::Created(AccountCreated {
                    account_id: context.command.new_account(),
                    personal: AccountPersonal { name },
                    external_reference: annotations.external_reference,
                    metadata: annotations.metadata,
                    at: context.now,
                })
            }
            (Some(account), AccountCommand::Rename { name }) => {
                check_name(&name, "name")?;
                check_open(account)?;
                AccountEvent::Renamed(AccountRenamed {
                    account_id: account.id,
                    personal: AccountPersonal { name },
                    at: context.now,
                })
            }
            (Some(account), AccountCommand::Close) => {
                check_open(account)?;
                AccountEvent::Closed(AccountClosed {
                    account_id: account.id,
                    at: context.now,
                })
            }
            (Some(account), AccountCommand::Annotate(change)) => {
                check_open(account)?;
                let annotations = change.apply(&account.annotations)?;
                AccountEvent::Annotated(AccountAnnotated {
                    account_id: account.id,
                    external_reference: annotations.external_reference,
                    metadata: annotations.metadata,
                    at: context.now,
                })
            }
            (Some(_), AccountCommand::Create { .. }) => {
                panic!("a creation is decided without a state")
            }
            (None, _) => panic!("commands to a missing account are rejected before the decision"),
        };
        Ok(vec![event])
    }

    fn evolve(state: Option<Self>, event: &AccountEvent) -> Option<Self> {
        super::evolve::evolve(state, event)
    }
}

fn check_open(account: &Account) -> Result<(), Rejection> {
    if account.closed {
        Err(Rejection::AccountClosed {
            field: "id".into(),
            id: account.id,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{Annotations, CommandId, Flaw};

    fn context() -> DecisionContext {
        DecisionContext {
            now: Timestamp::from_micros(17),
            command: CommandId::from_uuid(Uuid::from_u128(0xA)),
        }
    }

    #[test]
    fn create_returns_the_requested_account() {
        let events = Account::decide(
            None,
            AccountCommand::Create {
                name: "John Doe".into(),
                annotations: Annotations::default(),
            },
            &context(),
        )
        .expect("accepted");
        let account = Account::evolve(None, &events[0]).expect("exists");
        assert_eq!(account.personal.name, "John Doe");
        assert_eq!(account.id, context().command.new_account());
        assert_eq!(account.created_at, Timestamp::from_micros(17));
    }

    #[test]
    fn blank_name_is_rejected_naming_the_argument() {
        let rejected = Account::decide(
            None,
            AccountCommand::Create {
                name: "  ".into(),
                annotations: Annotations::default(),
            },
            &context(),
        );
        assert_eq!(rejected, Err(Rejection::invalid("name", Flaw::Empty)));
    }

    #[test]
    fn closed_account_rejects_all_commands() {
        let created = AccountCommand::Create {
            name: "John".into(),
            annotations: Annotations::default(),
        };
        let mut account = None;
        for command in [
            created,
            AccountCommand::Rename { name: "Jo".into() },
            AccountCommand::Close,
        ] {
            let events = Account::decide(account.as_ref(), command, &context()).expect("accepted");
            account = Account::evolve(account, &events[0]);
        }
        let account = account.expect("exists");
        assert_eq!(
            (account.personal.name.as_str(), account.closed),
            ("Jo", true)
        );
        for command in [
            AccountCommand::Rename { name: "J".into() },
            AccountCommand::Close,
        ] {
            let rejected = Account::decide(Some(&account), command, &context());
            let closed = Rejection::AccountClosed {
                field: "id".into(),
                id: account.id,
            };
            assert_eq!(rejected, Err(closed));
        }
    }
}
