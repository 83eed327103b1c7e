//! All groups: kept in line with their members.

use std::collections::{BTreeMap, HashMap};

use hearth_core::prelude::*;
use hearth_core::slug::slugify;

use crate::DOMAIN;
use crate::group::{Group, MEMBERS_MAX, configured, fields, members, text};

/// Most members of all groups together.
const ALL_MEMBERS_MAX: usize = 100_000;

/// What the integration holds while it runs.
pub(crate) struct Groups {
    host: Host,
    all: BTreeMap<EntityId, Group>,
    /// The groups that a member is in, except itself.
    of_member: HashMap<EntityId, Vec<EntityId>>,
    /// Hears of members; absent while there are none.
    subscription: Option<SubscriptionId>,
    /// The place of the next group.
    order: usize,
}

impl Groups {
    pub(crate) async fn open(host: Host) -> Result<Self, StartError> {
        let hub = host.hub().clone();
        let object_id = |description| Field::required("object_id", Kind::Text, description);
        let mut set = fields();
        set.push(object_id("The id of the group, without the domain."));
        for (name, description) in [
            ("add_entities", "Members to add."),
            ("remove_entities", "Members to take out."),
        ] {
            set.push(Field::optional(name, Kind::Entities, description));
        }
        let set_text = "Makes a group until the next start, or changes one.";
        host.register_service("set", set_text, Schema::Fields(set), Response::None)
            .await;
        let remove = Schema::Fields(vec![object_id("Which one.")]);
        host.register_service("remove", "Removes a group.", remove, Response::None)
            .await;
        let reload_text = "Reads the configuration file again.";
        host.register_admin_service("reload", reload_text, Schema::Fields(Vec::new()))
            .await;
        let mut groups = Self {
            host,
            all: BTreeMap::new(),
            of_member: HashMap::new(),
            subscription: None,
            order: 0,
        };
        let section = hub.configured.section(DOMAIN);
        groups
            .configure(&section, Context::new(&hub.env))
            .await
            .map_err(StartError::new)?;
        Ok(groups)
    }

    /// Brings the groups from the configuration in line with it.
    async fn configure(&mut self, section: &Value, context: Context) -> Result<(), String> {
        let configured = configured(section).map_err(|wrong| wrong.to_string())?;
        let is_gone = |id: &EntityId| configured.iter().all(|(known, _)| known != id);
        let gone = self.all.iter().filter(|(_, group)| !group.is_made);
        let gone: Vec<_> = gone.map(|(id, _)| id.clone()).filter(is_gone).collect();
        for id in gone {
            self.take_away(&id, context).await;
        }
        for (id, group) in configured {
            self.order = self.order.max(group.order + 1);
            self.all.insert(id, group);
        }
        self.follow().await;
        self.show_all(context).await;
        Ok(())
    }

    /// `group.reload`
    pub(crate) async fn reload(&mut self, context: Context) -> Result<(), ServiceError> {
        let hub = self.host.hub().clone();
        let section = hub.configured.section_again(DOMAIN).await;
        let section = section.map_err(ServiceError::Failed)?;
        self.configure(&section, context)
            .await
            .map_err(ServiceError::Failed)
    }

    /// `group.set`
    pub(crate) async fn set(&mut self, call: &ServiceCall) -> Result<(), ServiceError> {
        let data = &call.data;
        let id = group_id(data)?;
        let ways = ["entities", "add_entities", "remove_entities"];
        let [entities, added, removed] = ways.map(|key| members(data, key));
        let given = [&entities, &added, &removed];
        if given.iter().filter(|given| given.is_some()).count() > 1 {
            let message = "two or more values in the same group of exclusion 'entities'";
            return Err(ServiceError::Invalid(message.to_owned()));
        }
        let limit = self.host.hub().settings.hub.collection_limit;
        let known = self.all.get(&id);
        if known.is_none() && self.all.len() >= limit {
            return Err(ServiceError::Failed(format!(
                "No more than {limit} groups are kept (setting hub.collection_limit)"
            )));
        }
        let order = self.order;
        let mut group = known.cloned().unwrap_or_else(|| Group {
            // Those of the configuration are called what they say; others by their id.
            name: Some(id.object_id().replace('_', " ")),
            icon: None,
            all: false,
            members: Vec::new(),
            is_made: true,
            order,
        });
        group.name = text(data, "name").or(group.name);
        group.icon = text(data, "icon").or(group.icon);
        group.all = data
            .get("all")
            .and_then(Value::as_bool)
            .unwrap_or(group.all);
        if let Some(entities) = entities {
            group.members = entities;
        }
        for member in added.into_iter().flatten() {
            if !group.members.contains(&member) {
                group.members.push(member);
            }
        }
        let removed = removed.unwrap_or_default();
        group.members.retain(|member| !removed.contains(member));
        let others = self.all.iter().filter(|(known, _)| **known != id);
        let others: usize = others.map(|(_, group)| group.members.len()).sum();
        if others + group.members.len() > ALL_MEMBERS_MAX {
            return Err(ServiceError::Failed(format!(
                "All groups together have at most {ALL_MEMBERS_MAX} members"
            )));
        }
        if group.members.len() > MEMBERS_MAX {
            return Err(ServiceError::Failed(format!(
                "A group has at most {MEMBERS_MAX} members"
            )));
        }
        self.order = self.order.max(group.order + 1);
        self.all.insert(id.clone(), group);
        self.follow().await;
        self.show(&id, call.context).await;
        Ok(())
    }

    /// `group.remove`
    pub(crate) async fn remove(&mut self, call: &ServiceCall) {
        let id = group_id(&call.data).ok();
        match id.filter(|id| self.all.contains_key(id)) {
            Some(id) => {
                self.take_away(&id, call.context).await;
                self.follow().await;
            }
            None => tracing::warn!("group.remove names a group that does not exist"),
        }
    }

    /// A member has a new state.
    pub(crate) async fn member_changed(&mut self, member: &EntityId, context: Context) {
        for id in self.of_member.get(member).into_iter().flatten() {
            self.show(id, context).await;
        }
    }

    /// Looks at all members again.
    pub(crate) async fn look_again(&mut self) {
        let context = Context::new(self.host.env());
        self.show_all(context).await;
    }

    async fn take_away(&mut self, id: &EntityId, context: Context) {
        self.all.remove(id);
        self.host.hub().states.remove(id, context).await;
    }

    /// Subscribes to the members as they are now.
    async fn follow(&mut self) {
        if let Some(subscription) = self.subscription.take() {
            self.host.unsubscribe(subscription);
        }
        self.of_member.clear();
        for (id, group) in &self.all {
            for member in group.members.iter().filter(|member| *member != id) {
                let groups = self.of_member.entry(member.clone()).or_default();
                groups.push(id.clone());
            }
        }
        if !self.of_member.is_empty() {
            let members = self.of_member.keys().cloned().collect();
            let filter = Filter::of_types(["state_changed"]).of_entities(Entities::Ids(members));
            self.subscription = Some(self.host.subscribe(filter).await);
        }
    }

    /// Shows all groups.
    async fn show_all(&self, context: Context) {
        for id in self.all.keys() {
            self.show(id, context).await;
        }
    }

    async fn show(&self, id: &EntityId, context: Context) {
        let Some(group) = self.all.get(id) else {
            return;
        };
        let (state, assumed) = group.look(self.host.hub());
        let attributes = group.attributes(assumed);
        let written = self.host.set_state(id, state, attributes, context).await;
        if let Err(error) = written {
            tracing::error!(group = %id, %error, "cannot show a group");
        }
    }
}

fn group_id(data: &Map<String, Value>) -> Result<EntityId, ServiceError> {
    let object_id = text(data, "object_id").unwrap_or_default();
    let id = format!("{DOMAIN}.{object_id}").parse().ok();
    id.filter(|_| slugify(&object_id) == object_id)
        .ok_or_else(|| {
            ServiceError::Invalid(format!(
                "invalid slug {object_id} for dictionary value @ data['object_id']"
            ))
        })
}
