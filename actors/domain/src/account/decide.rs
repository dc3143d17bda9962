//! What an account answers to a command.

use super::{Account, AccountCommand, AccountCreated, AccountEvent, AccountPersonal};
use crate::{Entity, Env, Rejection, text::check_name};

impl Entity for Account {
    type Command = AccountCommand;
    type Event = AccountEvent;

    fn decide(
        state: Option<&Self>,
        command: AccountCommand,
        env: &Env,
    ) -> Result<Vec<AccountEvent>, Rejection> {
        match command {
            AccountCommand::Create { name } => {
                assert!(
                    state.is_none(),
                    "creations are decided where nothing exists yet"
                );
                check_name(&name, "name")?;
                Ok(vec![AccountEvent::Created(AccountCreated {
                    account_id: env.command.new_account(),
                    personal: AccountPersonal { name },
                    at: env.now,
                })])
            }
        }
    }

    fn evolve(state: Option<Self>, event: &AccountEvent) -> Option<Self> {
        super::evolve::evolve(state, event)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{CommandId, Flaw, Timestamp};

    fn env() -> Env {
        Env {
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
}
