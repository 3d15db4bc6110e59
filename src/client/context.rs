//! What a call is made with besides its request, the same for language and embedding models.

use super::{
    about::About,
    ids::Ids,
    session::{Chain, InSession},
};
use crate::{
    Error,
    context::{self, Handle, Scope},
    span::place::Place,
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// Of one call: whose key, whose it is, under which ids, and whether it is told.
#[derive(Clone, Default)]
pub(super) struct CallContext {
    key: Option<SecretString>,
    scope: Option<Box<Scope>>,
    ids: Option<Box<Ids>>,
    is_untold: bool,
    session: Option<Arc<Chain>>,
}

/// A call that is over.
pub(super) struct Ended<'a> {
    /// Under which ids it is told.
    pub(super) about: &'a About,
    /// Whether the whole answer came.
    pub(super) is_done: bool,
    /// Whether it has a span that is recorded, so that another may name it as its parent.
    pub(super) is_told: bool,
}

/// What the call's span begins with.
#[derive(Default)]
pub(super) struct Beginning {
    /// What is in force while the span begins; `None` for what is in force anyway.
    pub(super) at_start: Option<Handle>,
    /// What is in force while the call runs.
    pub(super) within: Option<Handle>,
    pub(super) place: Place,
    pub(super) is_untold: bool,
    /// To be told of the end.
    pub(super) session: Option<InSession>,
}

impl CallContext {
    pub(super) fn set_key(&mut self, key: SecretString) {
        self.key = Some(key);
    }

    /// The call's own key; an empty one is none.
    pub(super) fn key(&self) -> Option<&SecretString> {
        self.key.as_ref().filter(|key| !key.expose_secret().trim().is_empty())
    }

    pub(super) fn change_scope(&mut self, change: impl FnOnce(Scope) -> Scope) {
        let scope = self.scope.take().map_or_else(context::scope, |scope| *scope);
        self.scope = Some(Box::new(change(scope)));
    }

    pub(super) fn ids(&mut self) -> &mut Ids {
        self.ids.get_or_insert_default()
    }

    pub(super) fn set_told(&mut self, told: bool) {
        self.is_untold = !told;
    }

    /// Makes the call one of a session's.
    pub(super) fn set_session(&mut self, session: Arc<Chain>) {
        self.session = Some(session);
    }

    /// Whether the ids may be such.
    ///
    /// # Errors
    /// See [`Ids::check`].
    pub(super) fn check(&self) -> Result<(), Error> {
        self.ids.as_deref().map_or(Ok(()), Ids::check)?;
        self.session.as_deref().map_or(Ok(()), Chain::check)
    }

    /// What the call's span begins with; to be called where the span that surrounds it is current.
    pub(super) fn begin(self) -> Beginning {
        let Self { scope, mut ids, is_untold, session, .. } = self;
        if is_untold {
            return Beginning { is_untold, ..Beginning::default() };
        }
        let mut scope = scope.map(|scope| *scope);
        let session = session.map(|session| {
            let (id, session) = session.begin(ids.get_or_insert_default());
            let around = context::current();
            if around.marks().is_none_or(|marks| marks.conversation.is_none()) {
                scope = Some(scope.take().unwrap_or_default().conversation(id));
            }
            session
        });
        // Spans below the call are its user's too, and have ids of their own.
        let within = scope.clone().map(Scope::placed);
        match ids {
            Some(ids) => {
                let at_start = ids.mark(scope.unwrap_or_default()).placed();
                Beginning { at_start: Some(at_start), within, place: ids.place(), is_untold, session }
            }
            None => {
                Beginning { at_start: within.clone(), within, is_untold, session, ..Beginning::default() }
            }
        }
    }
}
