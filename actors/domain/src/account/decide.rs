//! What an account answers to a command.

use super::{
    Account, AccountClosed, AccountCommand, AccountCreated, AccountEvent, AccountPersonal,
    AccountRenamed,
};
use crate::{DecisionContext, Entity, Rejection, text::check_name};

impl Entity for Account {
    type Command = AccountCommand;
    type Event = AccountEvent;

    fn decide(
        state: Option<&Self>,
        command: AccountCommand,
        env: &DecisionContext,
    ) -> Result<Vec<AccountEvent>, Rejection> {
        let event = match (state, command) {
            (None, AccountCommand::Create { name }) => {
                check_name(&name, "name")?;
                AccountEvent::Created(AccountCreated {
                    account_id: env.command.new_account(),
                    personal: AccountPersonal { name },
                    at: env.now,
                })
            }
            (Some(account), AccountCommand::Rename { name }) => {
                check_name(&name, "name")?;
                check_open(account)?;
                AccountEvent::Renamed(AccountRenamed {
                    account_id: account.id,
                    personal: AccountPersonal { name },
                    at: env.now,
                })
            }
            (Some(account), AccountCommand::Close) => {
                check_open(account)?;
                AccountEvent::Closed(AccountClosed {
                    account_id: account.id,
                    at: env.now,
                })
            }
            (Some(_), AccountCommand::Create { .. }) => {
                panic!("creations are decided where nothing exists yet")
            }
            (None, _) => panic!("a shell answers for accounts that do not exist"),
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
    use crate::{CommandId, Flaw};

    fn env() -> DecisionContext {
        DecisionContext {
            now: Timestamp::from_micros(17),
            command: CommandId::from_uuid(Uuid::from_u128(0xA)),
        }
    }

    #[test]
    fn creating_answers_the_account_that_was_asked_for() {
        let events = Account::decide(
            None,
            AccountCommand::Create {
                name: "John Doe".into(),
            },
            &env(),
        )
        .expect("accepted");
        let account = Account::evolve(None, &events[0]).expect("exists");
        assert_eq!(account.personal.name, "John Doe");
        assert_eq!(account.id, env().command.new_account());
        assert_eq!(account.created_at, Timestamp::from_micros(17));
    }

    #[test]
    fn a_blank_name_is_refused_by_name() {
        let refused = Account::decide(None, AccountCommand::Create { name: "  ".into() }, &env());
        assert_eq!(refused, Err(Rejection::invalid("name", Flaw::Empty)));
    }

    #[test]
    fn a_closed_account_changes_no_more() {
        let created = AccountCommand::Create {
            name: "John".into(),
        };
        let mut account = None;
        for command in [
            created,
            AccountCommand::Rename { name: "Jo".into() },
            AccountCommand::Close,
        ] {
            let events = Account::decide(account.as_ref(), command, &env()).expect("accepted");
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
            let refused = Account::decide(Some(&account), command, &env());
            let closed = Rejection::AccountClosed {
                field: "id".into(),
                id: account.id,
            };
            assert_eq!(refused, Err(closed));
        }
    }
}
